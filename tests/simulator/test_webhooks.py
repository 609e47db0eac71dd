"""Incoming and outgoing webhooks of the simulated workspace."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from rocketchat_simulator import IncomingWebhook, OutgoingWebhook, Simulator
from tests.simulator.realtime_world import eventually
from tests.support.deadlines import DEADLINE_S
from tests.support.rest_caller import EVERY_VERSION, open_world


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_program_posts_by_its_address(version: str) -> None:
    async with open_world(version) as world:
        webhook = IncomingWebhook(world.bot, "#general", alias="Builds")
        world.workspace.integrations.add(webhook)
        anybody = world.sign_in()
        as_json = await anybody.call("POST", webhook.path, json={"text": "as JSON"})
        payload = {"payload": json.dumps({"text": "as a form", "icon_emoji": ":fire:"})}
        as_form = await anybody.call("POST", webhook.path, data=payload)
        empty = await anybody.call("POST", webhook.path, json={})
        elsewhere, said = await anybody.call(
            "POST", webhook.path, json={"channel": "@alice", "text": "x"}
        )
        unknown, refused = await anybody.call("POST", "/hooks/x/y", json={"text": "x"})
        webhook.is_enabled = False
        disabled, _ = await anybody.call("POST", webhook.path, json={"text": "x"})
        room = world.workspace.rooms.find_by_name("general")
        assert room is not None
        first, second = world.workspace.messages.of(room)

    assert as_json == as_form == empty == (200, {"success": True})
    assert (first["msg"], first["alias"], first["bot"]) == ("as JSON", "Builds", {"i": webhook.id})
    assert (second["msg"], second["emoji"], second["u"]["_id"]) == (
        "as a form",
        ":fire:",
        world.bot.id,
    )
    assert elsewhere == (200 if version == "6.5" else 400)
    assert ("overriding" in str(said)) == (version != "6.5")
    assert (unknown, disabled) == (404, 503)
    assert refused["error"] == "Invalid integration id or token provided."


@asynccontextmanager
async def open_program(answer: dict[str, str]) -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """Open a program that webhooks call; yield its address, and what it is told."""
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        await told.put(await request.json())
        return web.json_response(answer)

    application = web.Application()
    application.router.add_post("/told", hear)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/told", told
    await runner.cleanup()


async def test_a_program_is_told_of_messages_and_answers() -> None:
    async with (
        open_program({"text": "noted"}) as (url, told),
        open_world() as world,
        asyncio.timeout(DEADLINE_S),
    ):
        room = world.workspace.rooms.find_by_name("general")
        assert room is not None
        webhook = OutgoingWebhook(world.bot, (url,), ("#general",), ("!deploy",))
        world.workspace.integrations.add(webhook)
        world.workspace.say(world.alice, room, "nothing for you")
        message = world.workspace.say(world.alice, room, "!deploy now")
        data = await told.get()
        await eventually(lambda: world.workspace.messages.of(room)[-1]["msg"] == "noted")
        answer = world.workspace.messages.of(room)[-1]

    assert (data["token"], data["trigger_word"]) == (webhook.token, "!deploy")
    assert (data["message_id"], data["user_name"]) == (message["_id"], "alice")
    assert (data["channel_name"], data["text"]) == ("general", "!deploy now")
    assert (answer["u"]["_id"], answer["bot"]) == (world.bot.id, {"i": webhook.id})
    assert told.empty()


async def test_a_start_on_a_taken_port_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        simulator = Simulator(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await simulator.__aenter__()
    async with open_program({}) as (url, told), simulator, asyncio.timeout(DEADLINE_S):
        workspace = simulator.workspace
        ann = workspace.add_user("ann")
        room = workspace.make_channel("builds", [ann])
        workspace.integrations.add(OutgoingWebhook(ann, (url,), ("#builds",), ("!deploy",)))
        for text in ("!deploy one", "!deploy two"):
            workspace.say(ann, room, text)
            assert (await told.get())["text"] == text
