"""Sending to the simulated workspace over REST, as oddly as on the real server."""

import pytest

from rocketchat_simulator import MessageStored, Room
from rocketchat_simulator.workspace.documents import to_milliseconds
from tests.support.rest_caller import EVERY_VERSION, Caller, Clock, World, open_world

STARRED = {
    "6.5": "Cannot read property 'starred' of undefined",
    "7.7": "Cannot read properties of undefined (reading 'starred')",
    "8.3": "Cannot read properties of undefined (reading 'starred')",
    "8.8": "Cannot read properties of undefined (reading 'starred')",
}


def direct(world: World) -> tuple[Caller, Room]:
    return world.sign_in(world.bot), world.workspace.direct_room(world.alice, world.bot)


async def send(
    caller: Caller, room: Room, text: str = "x", **more: object
) -> tuple[int, dict[str, object]]:
    status, body = await caller.post(
        "chat.sendMessage", message={"rid": room.id, "msg": text, **more}
    )
    return status, body


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_an_id_is_used_once_and_get_message_tells_what_is_stored(version: str) -> None:
    async with open_world(version) as world:
        bot, room = direct(world)
        await send(bot, room, "first", _id="reply1")
        again = await send(bot, room, "second", _id="reply1")
        _, kept = await bot.get("chat.getMessage", msgId="reply1")
        unknown = await bot.get("chat.getMessage", msgId="nope")

    assert again == (400, {"success": False, "error": STARRED[version]})
    assert kept["message"]["msg"] == "first"
    assert unknown == (400, {"success": False})


async def test_the_size_limit_counts_utf16_units() -> None:
    async with open_world() as world:
        bot, room = direct(world)
        fits, _ = await send(bot, room, "🦊" * 2500)
        status, body = await send(bot, room, "🦊" * 2500 + "x")

    assert (fits, status) == (200, 400)
    assert body["errorType"] == "error-message-size-exceeded"


FIELD = [{"title": "T", "fields": [{"title": "Host", "value": ""}]}]


@pytest.mark.parametrize(
    ("version", "expected"), [("6.5", 200), ("7.7", 200), ("8.3", 400), ("8.8", 400)]
)
async def test_an_empty_attachment_value_is_refused_since_8(version: str, expected: int) -> None:
    async with open_world(version) as world:
        bot, room = direct(world)
        status, _ = await send(bot, room, attachments=FIELD)

    assert status == expected


async def test_6_5_gives_an_attachment_without_a_time_the_year_1970() -> None:
    async with open_world("6.5") as world:
        bot, room = direct(world)
        _, body = await send(bot, room, attachments=[{"title": "T"}])

    message: dict[str, list[dict[str, str]]] = body["message"]  # type: ignore[assignment]
    assert message["attachments"][0]["ts"] == "1970-01-01T00:00:00.000Z"


async def test_8_3_stores_attachments_that_its_reply_does_not_show() -> None:
    async with open_world("8.3") as world:
        bot, room = direct(world)
        _, body = await send(bot, room, attachments=[{"title": "T"}])
        message: dict[str, object] = body["message"]  # type: ignore[assignment]
        _, kept = await bot.get("chat.getMessage", msgId=message["_id"])

    assert message["attachments"] == []
    assert kept["message"]["attachments"] == [{"title": "T"}]


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_buttons_are_stored_as_sent(version: str) -> None:
    actions = [
        {
            "type": "button",
            "text": "Sign it out",
            "msg": "!x",
            "msg_in_chat_window": True,
            "foo": 1,
        },
        {"type": "button", "text": "Open", "url": "https://example.org/x"},
        {"type": "button", "msg": "!without a label"},
    ]
    attachment = {"ts": "2026-11-29T03:00:00.000Z", "text": "Was that you?", "actions": actions}
    async with open_world(version) as world:
        bot, room = direct(world)
        await send(bot, room, _id="m1", attachments=[attachment])
        _, kept = await bot.get("chat.getMessage", msgId="m1")

    assert kept["message"]["attachments"] == [attachment]


async def test_only_those_with_the_permission_may_mention_everybody() -> None:
    async with open_world() as world:
        plain = world.workspace.add_user("plain", roles=("bot",))
        room = world.workspace.direct_room(world.alice, plain)
        caller = world.sign_in(plain)
        status, body = await send(caller, room, "hello @all")
        code, _ = await send(caller, room, "hello `@all`")
        allowed, _ = await send(world.sign_in(world.alice), room, "hello @all")

    assert (status, code, allowed) == (400, 200, 200)
    assert body["errorType"] == "error-action-not-allowed"


@pytest.mark.parametrize(("version", "expected"), [("6.5", 200), ("8.3", 400)])
async def test_an_archived_room_is_closed_since_8_2(version: str, expected: int) -> None:
    async with open_world(version) as world:
        room = world.workspace.make_channel("old", [world.alice, world.bot], is_private=True)
        alice = world.sign_in(world.alice)
        await alice.post("groups.archive", roomId=room.id)
        status, _ = await send(world.sign_in(world.bot), room)

    assert status == expected


async def test_rooms_that_are_unknown_foreign_or_read_only_are_refused() -> None:
    async with open_world() as world:
        foreign = world.workspace.make_channel("secret", [world.alice], is_private=True)
        closed = world.workspace.make_channel(
            "news", [world.bot], creator=world.alice, is_read_only=True
        )
        bot = world.sign_in(world.bot)
        _, unknown = await bot.post("chat.sendMessage", message={"rid": "nope", "msg": "x"})
        errors = [unknown["error"], (await send(bot, foreign))[1]["error"]]
        errors.append((await send(bot, closed))[1]["error"])

    assert errors == [
        "error-invalid-room",
        "error-not-allowed",
        "You can't send messages because the room is readonly.",
    ]


async def test_a_reply_in_a_thread_publishes_the_root_again() -> None:
    async with open_world() as world:
        room = world.workspace.direct_room(world.alice, world.bot)
        root = world.workspace.say(world.alice, room, "question")
        seen: list[object] = []
        world.workspace.subscribe(
            lambda event: seen.append(event.message) if isinstance(event, MessageStored) else None
        )
        world.workspace.say(world.bot, room, "answer", thread_id=root["_id"])

    again, reply = seen
    assert isinstance(again, dict)
    assert isinstance(reply, dict)
    assert (again["_id"], again["tcount"]) == (root["_id"], 1)
    assert again["replies"] == [world.alice.id, world.bot.id]
    assert "editedAt" not in again
    assert reply["tmid"] == root["_id"]


async def test_a_mention_brings_somebody_into_a_public_channel() -> None:
    async with open_world() as world:
        room = world.workspace.make_channel("kitchen", [world.alice])
        world.workspace.say(world.alice, room, "@sessions help")
        joined = room.has(world.bot)
        last = world.workspace.messages.of(room)[-1]

    assert joined
    assert (last["t"], last["msg"]) == ("au", "sessions")


async def test_sync_by_date_gives_changes_newest_first_and_what_was_deleted() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        bot, room = direct(world)
        old = world.workspace.say(world.alice, room, "old")
        gone = world.workspace.say(world.alice, room, "gone")
        clock.move(seconds=1)
        since = clock().isoformat()
        clock.move(seconds=1)
        world.workspace.say(world.alice, room, "new")
        world.workspace.react(world.bot, old, ":ok:", is_set=True)
        world.workspace.delete(gone)
        _, body = await bot.get("chat.syncMessages", roomId=room.id, lastUpdate=since)

    assert [message["msg"] for message in body["result"]["updated"]] == ["new", "old"]
    assert [row["_id"] for row in body["result"]["deleted"]] == [gone["_id"]]


async def test_sync_by_cursor_pages_through_changes_oldest_first() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        bot, room = direct(world)
        start = to_milliseconds(clock())
        for number in range(3):
            clock.move(seconds=1)
            world.workspace.say(world.alice, room, str(number))
        ask = {"roomId": room.id, "type": "UPDATED", "count": 2}
        _, nothing = await bot.get("chat.syncMessages", **ask)
        _, first = await bot.get("chat.syncMessages", **ask, next=start)
        cursor = first["result"]["cursor"]["next"]
        _, second = await bot.get("chat.syncMessages", **ask, next=cursor)
        _, both = await bot.get("chat.syncMessages", **ask, next=1, previous=1)
        _, mixed = await bot.get("chat.syncMessages", **ask, next=1, lastUpdate="2026-01-01")

    assert nothing["result"]["updated"] == []
    assert [message["msg"] for message in first["result"]["updated"]] == ["0", "1"]
    assert [message["msg"] for message in second["result"]["updated"]] == ["2"]
    assert second["result"]["cursor"]["next"] is None
    assert both["errorType"] == "error-cursor-conflict"
    assert mixed["errorType"] == "error-cursor-and-lastUpdate-conflict"


async def test_subscriptions_and_rooms_tell_what_changed_since() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        bot, room = direct(world)
        clock.move(seconds=1)
        since = clock().isoformat()
        clock.move(seconds=1)
        world.workspace.say(world.alice, room, "hello")
        _, rows = await bot.get("subscriptions.get", updatedSince=since)
        _, rooms = await bot.get("rooms.get", updatedSince=since)
        await bot.post("subscriptions.read", rid=room.id)
        _, after = await bot.get("subscriptions.getOne", roomId=room.id)

    assert [(row["rid"], row["unread"]) for row in rows["update"]] == [(room.id, 1)]
    assert [each["_id"] for each in rooms["update"]] == [room.id]
    assert (after["subscription"]["unread"], after["subscription"]["alert"]) == (0, False)


async def test_history_needs_membership_and_reads_backwards() -> None:
    async with open_world() as world:
        bot, room = direct(world)
        for text in ("a", "b"):
            world.workspace.say(world.alice, room, text)
        _, body = await bot.get("im.history", roomId=room.id, count=1)
        status, refused = await world.sign_in(world.bob).get("im.history", roomId=room.id)

    assert [message["msg"] for message in body["messages"]] == ["b"]
    assert (status, refused["errorType"]) == (400, "error-room-not-found")


async def test_an_empty_date_in_a_query_is_no_date_where_the_schema_takes_it() -> None:
    async with open_world() as world:
        bot, room = direct(world)
        group = world.workspace.make_channel("group", [world.alice, world.bot], is_private=True)
        world.workspace.say(world.alice, group, "a")
        status, body = await bot.get("groups.history", roomId=group.id, oldest="")
        direct_status, refused = await bot.get("im.history", roomId=room.id, oldest="")

    assert (status, len(body["messages"])) == (200, 1)
    assert (direct_status, refused["errorType"]) == (400, "invalid-params")
