"""Making the stream of messages misbehave."""

import json
from datetime import timedelta
from typing import Any

import pytest
from websockets.legacy.client import connect

from rocketchat_simulator import Document
from tests.simulator.realtime_world import (
    CONNECT,
    MY_MESSAGES,
    Client,
    World,
    messages,
    open_world,
)

RESENDS = ["edit", "reaction", "star", "pin", "unpin", "preview", "read receipt", "thread", "hook"]


async def hear(client: Client) -> list[str]:
    return [args[0]["msg"] for args in messages(await client.settle())]


async def test_a_lost_message_is_stored_all_the_same() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        world.server.lose_messages()
        say_three(world)
        assert await hear(client) == ["two", "three"]
        assert len(world.workspace.messages.of(world.room)) == 3


async def test_a_repeated_message_arrives_twice() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        world.server.repeat_messages(2)
        say_three(world)
        assert await hear(client) == ["one", "one", "two", "two", "three"]


async def test_a_message_that_was_kept_back_is_overtaken() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        world.server.hold_messages(2)
        say_three(world)
        assert await hear(client) == ["three"]
        world.server.release_messages()
        assert await hear(client) == ["one", "two"]


async def test_forgotten_faults_do_not_happen() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        world.server.hold_messages()
        world.workspace.say(world.alice, world.room, "kept back")
        world.server.lose_messages()
        world.server.repeat_messages()
        world.server.hold_messages()
        world.server.clear_faults()
        say_three(world)
        assert await hear(client) == ["kept back", "one", "two", "three"]


async def test_messages_may_be_of_one_millisecond_or_of_before() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        moment = world.workspace.now()
        for text, at in [("b", moment), ("c", moment), ("a", moment - timedelta(minutes=1))]:
            world.workspace.say(world.alice, world.room, text, ts=at)
        told = [args[0] for args in messages(await client.settle())]
        assert [each["msg"] for each in told] == ["b", "c", "a"]
        assert told[0]["ts"] == told[1]["ts"]
        stored = world.workspace.messages.of(world.room)
        assert [each["msg"] for each in stored] == ["a", "b", "c"]


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 4000])
async def test_every_connection_can_be_closed_with_a_code(code: int) -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        world.server.close_all(code)
        assert await client.wait_for_close() == code


async def test_a_connection_can_be_closed_without_a_code() -> None:
    async with open_world() as world, connect(world.url) as socket:
        await socket.send(json.dumps(CONNECT))
        await socket.recv()
        world.server.close_all(1005)
        await socket.wait_closed()
    # What aiohttp's client calls 1000.
    assert socket.close_code == 1005


@pytest.mark.parametrize("is_streamer", [False, True])
async def test_subscriptions_are_lost_without_a_word_and_pings_are_answered(
    is_streamer: bool,
) -> None:
    async with open_world(is_streamer=is_streamer) as world, world.log_in(world.bot) as client:
        await client.subscribe(*MY_MESSAGES)
        await client.settle()
        world.server.lose_subscriptions()
        say_three(world)
        assert await client.settle() == []
        await client.subscribe(*MY_MESSAGES, number="s2")
        say_three(world)
        assert await hear(client) == ["one", "two", "three"]


@pytest.mark.parametrize("version", ["6.5", "8.3"])
@pytest.mark.parametrize("how", RESENDS)
async def test_whatever_changes_a_message_sends_all_of_it_again(version: str, how: str) -> None:
    async with open_world(version) as world, world.log_in(world.bot) as client:
        text = "see https://example.org/"
        message = world.workspace.say(world.alice, world.room, text, unread=True)
        before = message["_updatedAt"]
        await client.subscribe(*MY_MESSAGES)
        change(world, message, how)
        told: list[Any] = [args[0] for args in messages(await client.settle())]
    again = [each for each in told if each["_id"] == message["_id"]]
    assert len(again) == 1
    assert again[0]["msg"].startswith(text)
    assert ("editedAt" in again[0]) is (how == "edit")
    assert message["_updatedAt"] >= before
    assert all("t" in each or "tmid" in each for each in told if each not in again)


def change(world: World, message: Document, how: str) -> None:
    workspace = world.workspace
    match how:
        case "edit":
            workspace.edit(world.alice, message, f"{message['msg']} now")
        case "reaction":
            workspace.react(world.alice, message, ":eyes:", is_set=True)
        case "star":
            workspace.star(world.alice, message, is_set=True)
        case "pin" | "unpin":
            workspace.pin(world.alice, message, is_set=how == "pin")
        case "preview":
            workspace.preview_links(message)
        case "read receipt":
            workspace.mark_read(message)
        case "thread":
            workspace.say(world.alice, world.room, "and", thread_id=message["_id"])
        case _:
            workspace.publish_again(message)


async def test_a_pin_is_told_of_by_the_server_with_a_quote_of_the_text() -> None:
    async with open_world() as world, world.log_in(world.bot) as client:
        message = world.workspace.say(world.alice, world.room, "!session 2")
        await client.subscribe(*MY_MESSAGES)
        world.workspace.pin(world.alice, message)
        told = [args[0] for args in messages(await client.settle())]
    notice = told[-1]
    assert (notice["t"], notice["msg"]) == ("message_pinned", "")
    assert notice["attachments"][0]["text"] == "!session 2"


def say_three(world: World) -> None:
    for text in ("one", "two", "three"):
        world.workspace.say(world.alice, world.room, text)
