"""Known differences from a real server about stored messages: the right answers, line by line.

The names follow the list of differences that was measured on 8.3: A is what breaks bots, B is
messages, M is what was missing.
"""

from datetime import timedelta

import pytest

from tests.simulator.differences import (
    ABSENT,
    INVALID,
    MEASURED,
    NOT_ONE,
    READ,
    SINCE_7,
    Row,
    Scene,
    find_problems,
    invalid,
    make_scene,
    missing,
    refused,
    report,
)
from tests.support.rest_caller import EVERY_VERSION, open_world

CALL = '{"msg":"method","id":"7","method":"getRoomIdByNameOrId","params":["general"]}'
ROWS = (
    # B. Messages: changing.
    Row(
        *(
            "B update no room",
            MEASURED,
            "alice",
            "POST chat.update",
            {"msgId": "hello", "text": "x"},
        ),
        *(400, INVALID | {"error": "\n ".join([missing("roomId"), missing("roomId"), NOT_ONE])}),
        ("8.3", "8.8"),
    ),
    Row(
        *("B update no text", MEASURED, "alice", "POST chat.update"),
        *({"roomId": "{direct}", "msgId": "hello"}, 400, INVALID, SINCE_7),
    ),
    Row(
        *("B update no text", READ, "alice", "POST chat.update"),
        *({"roomId": "{direct}", "msgId": "hello"}, 400),
        *(refused("Match error: Missing key 'text'"), ("6.5",)),
    ),
    Row(
        *("B update to nothing", MEASURED, "alice", "POST chat.update"),
        *({"roomId": "{direct}", "msgId": "quoting", "text": ""}, 200),
        *({"message": {"msg": "", "md": ABSENT, "attachments": []}}, SINCE_7),
    ),
    *(
        Row(
            *(f"B {route} no {name}", MEASURED, "alice", route, {}, 400, invalid(missing(name))),
            ("7.7", "8.3"),
        )
        for route, name in (
            ("POST chat.delete", "msgId"),
            ("POST chat.starMessage", "messageId"),
            ("GET chat.getMessage", "msgId"),
            ("GET chat.getThreadMessages", "tmid"),
        )
    ),
    Row(
        *("B react to nothing", MEASURED, "alice", "POST chat.react", {"emoji": ":fire:"}, 400),
        *(INVALID, SINCE_7),
    ),
    Row(
        *("B perhaps react", MEASURED, "alice", "POST chat.react"),
        *({"messageId": "hello", "emoji": ":fire:", "shouldReact": "maybe"}, 400, INVALID, SINCE_7),
    ),
    Row(
        *("B a refused delete", MEASURED, "bob", "POST chat.delete"),
        *({"roomId": "{general}", "msgId": "public"}, 400),
        refused("Not allowed", "error-action-not-allowed") | {"details": ABSENT},
        EVERY_VERSION,
    ),
    # B. Messages: syncing and history.
    Row(
        *("B sync no room", MEASURED, "alice", "GET chat.syncMessages", {}, 400),
        *(invalid(missing("roomId")), ("7.7", "8.3")),
    ),
    Row(
        *(
            "B sync nothing",
            MEASURED,
            "alice",
            "GET chat.syncMessages",
            {"roomId": "{direct}"},
            400,
        ),
        refused('The "type" or "lastUpdate" parameters must be provided', "error-param-required"),
        SINCE_7,
    ),
    Row(
        *("B sync a type that is none", MEASURED, "alice", "GET chat.syncMessages"),
        *({"roomId": "{direct}", "type": "x"}, 400),
        *(invalid("must be equal to one of the allowed values"), ("7.7", "8.3")),
    ),
    Row(
        *("B sync two ways", MEASURED, "alice", "GET chat.syncMessages"),
        *({"roomId": "{direct}", "type": "UPDATED", "next": "1", "previous": "1"}, 400),
        refused(
            'You cannot provide both "next" and "previous" parameters', "error-cursor-conflict"
        ),
        SINCE_7,
    ),
    Row(
        *("B sync date and cursor", MEASURED, "alice", "GET chat.syncMessages"),
        {"roomId": "{direct}", "type": "UPDATED", "next": "1", "lastUpdate": "2026-01-01"},
        400,
        refused(
            'The attributes "next", "previous" and "lastUpdate" cannot be used together',
            "error-cursor-and-lastUpdate-conflict",
        ),
        SINCE_7,
    ),
    Row(
        *("B sync backwards", MEASURED, "alice", "GET chat.syncMessages"),
        {"roomId": "{lobby}", "type": "UPDATED", "previous": "{future}", "count": "2"},
        200,
        {"result": {"updated": [{"msg": "24"}, {"msg": "23"}]}},
        SINCE_7,
    ),
    Row(
        *("B sync twenty", MEASURED, "alice", "GET chat.syncMessages"),
        {"roomId": "{lobby}", "type": "UPDATED", "next": "1"},
        200,
        {"result": {"updated": lambda found: len(found) == 20}},
        SINCE_7,
    ),
    Row(
        *("B sync a type alone", MEASURED, "alice", "GET chat.syncMessages"),
        *({"roomId": "{direct}", "type": "UPDATED"}, 200),
        *({"result": {"updated": [], "deleted": [], "cursor": ABSENT}}, SINCE_7),
    ),
    *(
        Row(f"B {route} of nothing", MEASURED, "alice", route, {}, 400, INVALID)
        for route in ("GET channels.history", "GET groups.history", "GET im.history")
    ),
    # M. What was missing.
    Row(
        *("M pin by a member", READ, "bob", "POST chat.pinMessage", {"messageId": "public"}, 400),
        *(refused("Not Authorized", "not-authorized", method="pinMessage"), EVERY_VERSION),
    ),
    Row(
        *("M pin", READ, "alice", "POST chat.pinMessage", {"messageId": "soup"}, 200),
        *({"message": {"t": "message_pinned", "attachments": [{"text": "soup"}]}}, EVERY_VERSION),
    ),
    Row(
        *("M pin by who is elsewhere", MEASURED, "admin", "POST chat.pinMessage"),
        *({"messageId": "hello"}, 400),
        refused(
            "Message you are pinning was not found",
            "error-invalid-message",
            method="pinMessage",
            action="Message_pinning",
        ),
        ("6.5",),
    ),
    Row(
        *("M pin by who is elsewhere", MEASURED, "admin", "POST chat.pinMessage"),
        *({"messageId": "hello"}, 400, refused("Not Authorized", "not-authorized")),
        SINCE_7,
    ),
    Row(
        *("M pinned", READ, "bob", "GET chat.getPinnedMessages", {"roomId": "{kitchen}"}, 200),
        *({"messages": [{"_id": "soup"}], "count": 1, "offset": 0, "total": 1}, EVERY_VERSION),
    ),
    Row(
        *("M unpin", READ, "alice", "POST chat.unPinMessage", {"messageId": "soup"}, 200),
        *({"success": True}, EVERY_VERSION),
    ),
    Row(
        *("M star", READ, "bob", "POST chat.starMessage", {"messageId": "soup"}, 200),
        *({"success": True}, EVERY_VERSION),
    ),
    Row(
        *("M starred", READ, "bob", "GET chat.getStarredMessages", {"roomId": "{kitchen}"}, 200),
        *({"messages": [{"_id": "soup"}], "total": 1}, EVERY_VERSION),
    ),
    Row(
        *("M mentions", READ, "bob", "GET chat.getMentionedMessages", {"roomId": "{kitchen}"}, 200),
        *({"messages": [{"_id": "call"}], "total": 1}, EVERY_VERSION),
    ),
    Row(
        *("M mentions nowhere", READ, "bob", "GET chat.getMentionedMessages", {"roomId": "x"}, 400),
        *(refused("error-not-allowed"), EVERY_VERSION),
    ),
    Row(
        *("M search", READ, "bob", "GET chat.search"),
        *({"roomId": "{kitchen}", "searchText": "SOUP"}, 200),
        *({"messages": [{"_id": "soup"}]}, EVERY_VERSION),
    ),
    Row(
        *("M direct messages", READ, "alice", "GET im.messages", {"username": "sessions"}, 200),
        *({"total": lambda found: found > 2, "offset": 0}, EVERY_VERSION),
    ),
    Row(
        *("M run a command", READ, "alice", "POST commands.run"),
        *({"command": "shrug", "roomId": "{lobby}", "params": "who"}, 200),
        *({"success": True}, EVERY_VERSION),
    ),
    Row(
        *("M it has written", READ, "alice", "GET channels.history"),
        *({"roomId": "{lobby}", "count": "1"}, 200),
        *({"messages": [{"msg": r"who ¯\_(ツ)_/¯"}]}, EVERY_VERSION),
    ),
    Row(
        *("M run no command", READ, "alice", "POST commands.run"),
        *({"command": "nosuch", "roomId": "{lobby}"}, 400),
        *(refused("The command provided does not exist (or is disabled)."), EVERY_VERSION),
    ),
    Row(
        *("M custom emoji", READ, "alice", "GET emoji-custom.list", {}, 200),
        *({"emojis": {"update": [], "remove": []}}, EVERY_VERSION),
    ),
    Row(
        *("M all custom emoji", READ, "alice", "GET emoji-custom.all", {}, 200),
        *({"emojis": [], "count": 0, "offset": 0, "total": 0}, EVERY_VERSION),
    ),
    Row(
        *("M a method over REST", MEASURED, "alice", "POST method.call/getRoomIdByNameOrId"),
        {"message": CALL},
        200,
        {"message": '{"msg":"result","id":"7","result":"GENERAL"}', "success": True},
        EVERY_VERSION,
    ),
    Row(
        *("M no method over REST", READ, "alice", "POST method.call/nosuch"),
        {"message": '{"msg":"method","id":"7","method":"nosuch","params":[]}'},
        200,
        {"message": lambda found: '"error":404' in found},
        ("6.5", "7.7", "8.3"),
    ),
    *(
        Row(
            *(f"M {name} a file", READ, "bob", "POST rooms.upload/{kitchen}", {}, status),
            *(answer, versions),
        )
        for name, status, answer, versions in (
            ("upload without", 400, refused("", "invalid-field"), ("6.5", "7.7")),
            ("no upload of", 404, "404 Not Found", ("8.3", "8.8")),
        )
    ),
)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_stored_messages_are_those_of_a_real_server(version: str) -> None:
    async with open_world(version, is_limited=False) as world:
        scene = make_scene(world)
        _say(scene)
        report(await find_problems(ROWS, scene, version))


def _say(scene: Scene) -> None:
    """Say one message in each room, and 25 in the lobby at different times."""
    workspace, alice = scene.world.workspace, scene.world.alice
    rooms = {name: workspace.find_room(scene.ids[name]) for name in ("general", "kitchen", "lobby")}
    found = {name: room for name, room in rooms.items() if room is not None}
    workspace.say(alice, found["general"], "public", id="public")
    workspace.say(alice, found["kitchen"], "soup", id="soup")
    workspace.say(alice, found["kitchen"], "come, @bob", id="call")
    quote = {"text": "q", "message_link": "https://chat.example.org/direct/x?msg=hello"}
    direct = workspace.direct_room(alice, scene.world.bot)
    workspace.say(alice, direct, "see", id="quoting", attachments=[quote])
    start = workspace.now() - timedelta(hours=1)
    for number in range(25):
        said = workspace.say(alice, found["lobby"], str(number))
        said["_updatedAt"] = start + timedelta(seconds=number)
    future = workspace.now() + timedelta(hours=1)
    scene.ids["future"] = str(round(future.timestamp() * 1000))
