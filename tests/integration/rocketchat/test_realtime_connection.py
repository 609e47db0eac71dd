"""Losing the connection, reconnecting and stopping."""

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
    open_client,
    open_port,
    open_workspace,
    serve_client,
    until,
)

# Closing a dead connection takes up to 1.5 s; the library alone would wait ten for each step.
STOPS_WITHIN_S = 8.0


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1007, 1009, 1011, 4000])
async def test_after_any_close_code_it_reconnects_once_with_new_ids(code: int) -> None:
    async def close(peer: Peer) -> None:
        await peer.accept_client()
        await peer.socket.close(code)

    async with (
        open_workspace(close, serve_client) as workspace,
        open_client(workspace.url) as client,
    ):
        first, second = await workspace.peer(1), await workspace.peer(2)
        await until(client.realtime.is_live)
        ids = [{frame["id"] for frame in peer.received[1:]} for peer in (first, second)]
        assert [len(each) for each in ids] == [3, 3]
        assert not ids[0] & ids[1]
        assert [frame["msg"] for frame in second.received].count("sub") == 2


async def test_it_reconnects_after_an_aborted_connection() -> None:
    async def break_off(peer: Peer) -> None:
        await peer.accept_client()
        peer.abort()

    async with (
        open_workspace(break_off, serve_client) as workspace,
        open_client(workspace.url) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)


async def test_a_frame_above_the_limit_only_ends_the_connection() -> None:
    async def flood(peer: Peer) -> None:
        await peer.accept_client()
        await peer.send_message("x" * (16 * 2**20 + 1))
        await peer.keep_open()

    async with (
        open_workspace(flood, serve_client) as workspace,
        open_client(workspace.url) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)
        assert workspace.peers[0].socket.close_code == 1009


async def test_a_silent_connection_is_pinged_and_kept_if_it_answers() -> None:
    settings = replace(QUICK, ping_after_s=0.05, pong_timeout_s=2.0)
    async with (
        open_workspace(serve_client) as workspace,
        open_client(workspace.url, settings=settings) as client,
    ):
        peer = await workspace.peer()
        await until(lambda: len(peer.received) >= 4 + 3)
        assert {frame["msg"] for frame in peer.received[4:]} == {"ping"}
        assert client.realtime.is_live()
        assert len(workspace.peers) == 1


async def mute(peer: Peer) -> None:
    await peer.accept_client()
    await peer.keep_silent()


async def frozen(peer: Peer) -> None:
    await peer.accept_client()
    peer.freeze()
    await peer.socket.wait_closed()


@pytest.mark.parametrize("script", [mute, frozen])
async def test_a_connection_that_died_silently_is_replaced(
    script: Script,
) -> None:
    settings = replace(QUICK, ping_after_s=0.1, pong_timeout_s=0.1)
    with capture_logs() as logs:
        async with (
            open_workspace(script, serve_client) as workspace,
            open_client(workspace.url, settings=settings) as client,
        ):
            await workspace.peer(2)
            await until(client.realtime.is_live)
    assert "not a frame in 0.2 s" in {log.get("reason") for log in logs}


async def test_dropped_frames_count_as_a_sign_of_life() -> None:
    elsewhere = {"roomParticipant": False, "roomType": "c", "roomName": "elsewhere"}

    async def chatter(peer: Peer) -> None:
        await peer.accept_client()
        while True:
            await peer.send_message("not for the bot", elsewhere)
            await asyncio.sleep(0.02)

    settings = replace(QUICK, ping_after_s=1.0, pong_timeout_s=0.01)
    async with (
        open_workspace(chatter) as workspace,
        open_client(workspace.url, settings=settings) as client,
    ):
        begun = time.monotonic()
        await until(lambda: time.monotonic() - begun > settings.ping_after_s + 1)
        assert client.realtime.is_live()
        assert len(workspace.peers) == 1
        assert not client.texts


async def test_a_connection_that_accepts_no_frames_is_replaced() -> None:
    async def flood_with_pings(peer: Peer) -> None:
        await peer.accept_client()
        peer.freeze()
        ping = {"msg": "ping", "id": "x" * 1_000_000}
        while True:
            await peer.send(ping)

    settings = replace(QUICK, call_timeout_s=0.2)
    async with (
        open_workspace(flood_with_pings, serve_client) as workspace,
        open_client(workspace.url, settings=settings) as client,
    ):
        await workspace.peer(2)
        await until(client.realtime.is_live)


async def test_a_connection_that_accepts_not_even_a_ping_is_replaced_as_early() -> None:
    settings = replace(QUICK, call_timeout_s=60.0, ping_after_s=0.1, pong_timeout_s=0.2)
    with capture_logs() as logs:
        async with (
            open_workspace(frozen, serve_client) as workspace,
            open_client(workspace.url, settings=settings) as client,
            asyncio.TaskGroup() as tasks,
        ):
            await until(client.realtime.is_live)
            # More than the buffers of both sides hold.
            tasks.create_task(client.realtime.send_typing("room", "x" * 10_000_000))
            await workspace.peer(2)
            await until(client.realtime.is_live)
    assert "the workspace takes no frames" in {log.get("reason") for log in logs}


async def test_after_a_long_check_for_lost_messages_the_next_one_comes_later() -> None:
    begun: list[float] = []
    ended: list[float] = []

    async def check_slowly() -> bool:
        begun.append(time.monotonic())
        await asyncio.sleep(0.1)
        ended.append(time.monotonic())
        return False

    settings = replace(QUICK, recheck_every_s=0.01)
    async with (
        open_workspace(serve_client) as workspace,
        open_client(workspace.url, settings=settings, recheck=check_slowly),
    ):
        await until(lambda: len(begun) >= 3)
    pauses = [later - earlier for later, earlier in zip(begun[1:], ended, strict=False)]
    assert min(pauses) > 0.19, pauses


async def test_pauses_grow_until_a_connection_was_live_for_long_enough() -> None:
    seconds = itertools.count(0, 40)  # each reading of the clock is 40 s later

    async def drop_unready(peer: Peer) -> None:
        await peer.connect()

    async def drop_soon(peer: Peer) -> None:
        await peer.accept_client()
        await until(client.realtime.is_live)

    async def drop_late(peer: Peer) -> None:
        await drop_soon(peer)
        await peer.send_message("later")
        await until(lambda: client.texts == ["later"])

    scripts = [drop_unready, drop_unready, drop_soon, drop_late, serve_client]
    with capture_logs() as logs:
        async with (
            open_workspace(*scripts) as workspace,
            open_client(workspace.url, clock=lambda: next(seconds)) as client,
        ):
            await workspace.peer(5)
    pauses = [log["seconds_to_next_try"] for log in logs if "reason" in log]
    assert pauses == [0.01, 0.02, 0.04, 0.01]


async def stop_when(is_there: Callable[[RealtimeClient], bool], url: str) -> None:
    """Cancel the client when ``is_there`` is true; check that it ends soon."""
    realtime = RealtimeClient(url, TOKEN)
    running = asyncio.create_task(realtime.run(on_message=lambda _: None))
    await until(lambda: is_there(realtime))
    running.cancel()
    async with asyncio.timeout(STOPS_WITHIN_S):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not realtime.is_live()


async def never_connected(peer: Peer) -> None:
    await peer.receive()
    await peer.keep_silent()


@pytest.mark.parametrize("script", [serve_client, frozen, never_connected])
async def test_stopping_closes_the_socket_in_time_and_leaves_no_task(script: Script) -> None:
    others = asyncio.all_tasks()
    async with open_workspace(script) as workspace:
        is_live = script is not never_connected

        def is_there(realtime: RealtimeClient) -> bool:
            # The first frame is sent after the handshake, which the workspace completes earlier.
            has_begun = any(each.received for each in workspace.peers)
            return realtime.is_live() if is_live else has_begun

        await stop_when(is_there, workspace.url)
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


async def test_a_cancellation_while_a_dead_connection_is_closed_is_not_lost() -> None:
    settings = replace(QUICK, ping_after_s=0.05, pong_timeout_s=0.05)
    async with open_workspace(frozen) as workspace:
        realtime = RealtimeClient(workspace.url, TOKEN, settings=settings)
        running = asyncio.create_task(realtime.run(on_message=lambda _: None))
        await until(realtime.is_live)
        await until(lambda: any(is_closing(task) for task in asyncio.all_tasks()))
        running.cancel()
        async with asyncio.timeout(STOPS_WITHIN_S):
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
        request = await peer.receive()
        await peer.send({"msg": "error", "reason": "Bad request", "offendingMessage": request})
        await peer.send(json.dumps(request)[:-1])

    with capture_logs() as logs:
        async with (
            open_workspace(refuse_then_echo, serve_client) as workspace,
            open_client(workspace.url),
        ):
            await workspace.peer(2)
    assert logs
    assert SECRET not in caplog.text + repr(logs)
    # The library truncates the frames that it logs: only by chance is the token not among them.
    assert "websockets.client" not in {record.name for record in caplog.records}
