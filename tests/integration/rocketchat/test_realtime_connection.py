"""Losing the connection in every way, coming back, and stopping cleanly."""

import asyncio
import itertools
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bot.rocketchat.realtime import RealtimeClient
from tests.support.scripted_workspace import (
    QUICK,
    SECRET,
    TOKEN,
    Peer,
    Script,
    live,
    open_ears,
    open_port,
    open_workspace,
    until,
)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1007, 1009, 1011, 4000])
async def test_any_close_code_leads_to_one_new_connection_with_fresh_ids(code: int) -> None:
    async def close(peer: Peer) -> None:
        await peer.go_live()
        await peer.socket.close(code)

    async with open_workspace(close, live) as workspace, open_ears(workspace.url) as ears:
        first, second = await workspace.peer(1), await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)
        ids = [{frame["id"] for frame in peer.heard[1:]} for peer in (first, second)]
        assert [len(each) for each in ids] == [3, 3]
        assert not ids[0] & ids[1]
        assert [frame["msg"] for frame in second.heard].count("sub") == 2


async def test_a_link_that_breaks_without_a_word_is_opened_again() -> None:
    async def break_off(peer: Peer) -> None:
        await peer.go_live()
        peer.abort()

    async with open_workspace(break_off, live) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)


async def test_a_frame_above_the_limit_costs_the_connection_only() -> None:
    async def flood(peer: Peer) -> None:
        await peer.go_live()
        await peer.chat("x" * (16 * 2**20 + 1))
        await peer.stay()

    async with open_workspace(flood, live) as workspace, open_ears(workspace.url) as ears:
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)
        assert workspace.peers[0].socket.close_code == 1009


async def test_a_silent_link_is_asked_for_a_sign_of_life_and_kept_if_it_gives_one() -> None:
    timing = replace(QUICK, silence=0.05, pong=2.0)
    async with (
        open_workspace(live) as workspace,
        open_ears(workspace.url, timing=timing) as ears,
    ):
        peer = await workspace.peer()
        await until(lambda: len(peer.heard) >= 4 + 3)
        assert {frame["msg"] for frame in peer.heard[4:]} == {"ping"}
        assert ears.realtime.is_live
        assert len(workspace.peers) == 1


async def mute(peer: Peer) -> None:
    await peer.go_live()
    await peer.stay_mute()


async def frozen(peer: Peer) -> None:
    await peer.go_live()
    peer.freeze()
    await peer.socket.wait_closed()


@pytest.mark.parametrize("script", [mute, frozen])
async def test_a_link_that_has_died_silently_is_replaced(
    script: Script,
) -> None:
    timing = replace(QUICK, silence=0.1, pong=0.1)
    with capture_logs() as logs:
        async with (
            open_workspace(script, live) as workspace,
            open_ears(workspace.url, timing=timing) as ears,
        ):
            await workspace.peer(2)
            await until(lambda: ears.realtime.is_live)
    assert "not a frame in 0.2 s" in {log.get("reason") for log in logs}


async def test_what_strangers_say_is_a_sign_of_life() -> None:
    elsewhere = {"roomParticipant": False, "roomType": "c", "roomName": "elsewhere"}

    async def chatter(peer: Peer) -> None:
        await peer.go_live()
        while True:
            await peer.chat("not for the bot", elsewhere)
            await asyncio.sleep(0.02)

    timing = replace(QUICK, silence=1.0, pong=0.01)
    async with (
        open_workspace(chatter) as workspace,
        open_ears(workspace.url, timing=timing) as ears,
    ):
        begun = time.monotonic()
        await until(lambda: time.monotonic() - begun > timing.silence + 1)
        assert ears.realtime.is_live
        assert len(workspace.peers) == 1
        assert not ears.texts


async def test_a_link_that_takes_no_frames_any_more_is_replaced_without_losing_the_bot() -> None:
    async def flood_with_pings(peer: Peer) -> None:
        await peer.go_live()
        peer.freeze()
        ping = {"msg": "ping", "id": "x" * 1_000_000}
        while True:
            await peer.say(ping)

    timing = replace(QUICK, call=0.2)
    async with (
        open_workspace(flood_with_pings, live) as workspace,
        open_ears(workspace.url, timing=timing) as ears,
    ):
        await workspace.peer(2)
        await until(lambda: ears.realtime.is_live)


async def test_pauses_grow_until_a_link_was_live_for_long_enough() -> None:
    seconds = itertools.count(0, 40)  # each look at the clock takes 40 s

    async def drop_unready(peer: Peer) -> None:
        await peer.connect()

    async def drop_soon(peer: Peer) -> None:
        await peer.go_live()
        await until(lambda: ears.realtime.is_live)

    async def drop_late(peer: Peer) -> None:
        await drop_soon(peer)
        await peer.chat("later")
        await until(lambda: ears.texts == ["later"])

    scripts = [drop_unready, drop_unready, drop_soon, drop_late, live]
    with capture_logs() as logs:
        async with (
            open_workspace(*scripts) as workspace,
            open_ears(workspace.url, clock=lambda: next(seconds)) as ears,
        ):
            await workspace.peer(5)
    pauses = [log["seconds_to_next_try"] for log in logs if "reason" in log]
    assert pauses == [0.01, 0.02, 0.04, 0.01]


async def stop_when(is_there: Callable[[RealtimeClient], bool], url: str) -> None:
    """Check that listening, once it is there, ends within two seconds of its cancelling."""
    realtime = RealtimeClient(url, TOKEN)
    running = asyncio.create_task(realtime.run(hear=lambda _: None))
    await until(lambda: is_there(realtime))
    running.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not realtime.is_live


async def never_connected(peer: Peer) -> None:
    await peer.hear()
    await peer.stay_mute()


@pytest.mark.parametrize("script", [live, frozen, never_connected])
async def test_stopping_closes_the_socket_in_time_and_leaves_no_task(script: Script) -> None:
    others = asyncio.all_tasks()
    async with open_workspace(script) as workspace:
        is_live = script is not never_connected
        await stop_when(
            lambda realtime: realtime.is_live if is_live else bool(workspace.peers), workspace.url
        )
        if script is not frozen:
            await until(lambda: workspace.peers[0].socket.closed)
            assert workspace.peers[0].socket.close_code == 1000
    await until(lambda: asyncio.all_tasks() == others)


async def test_stopping_during_the_handshake_or_a_pause_leaves_no_task() -> None:
    others = asyncio.all_tasks()
    dialled = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        dialled.set()
        await reader.read()

    async with open_port(wait) as port:
        await stop_when(lambda _: dialled.is_set(), f"http://127.0.0.1:{port}")
    with capture_logs() as logs:
        await stop_when(lambda _: bool(logs), f"http://127.0.0.1:{port}")
    await until(lambda: asyncio.all_tasks() == others)


async def test_being_stopped_while_a_dead_link_is_closed_is_not_lost() -> None:
    timing = replace(QUICK, silence=0.05, pong=0.05)
    async with open_workspace(frozen) as workspace:
        realtime = RealtimeClient(workspace.url, TOKEN, timing=timing)
        running = asyncio.create_task(realtime.run(hear=lambda _: None))
        await until(lambda: realtime.is_live)
        await until(lambda: any(is_closing(task) for task in asyncio.all_tasks()))
        running.cancel()
        async with asyncio.timeout(2):
            with pytest.raises(asyncio.CancelledError):
                await running
        assert len(workspace.peers) == 1


def is_closing(task: asyncio.Task[object]) -> bool:
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", "") == "WebSocketCommonProtocol.close"


async def test_no_secret_is_logged_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def refuse_then_echo(peer: Peer) -> None:
        await peer.connect()
        asked = await peer.hear()
        await peer.say({"msg": "error", "reason": "Bad request", "offendingMessage": asked})
        await peer.say(json.dumps(asked)[:-1])

    with capture_logs() as logs:
        async with open_workspace(refuse_then_echo, live) as workspace, open_ears(workspace.url):
            await workspace.peer(2)
    assert logs
    assert SECRET not in caplog.text + repr(logs)
    # The library cuts the frames that it logs, so that the token is missing by luck only.
    assert "websockets.client" not in {record.name for record in caplog.records}
