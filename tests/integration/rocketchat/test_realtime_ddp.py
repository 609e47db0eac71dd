"""Calls and subscriptions over a real websocket."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.errors import RefusedError, UnreachableError
from bot.rocketchat.realtime import RealtimeSettings
from bot.rocketchat.realtime.ddp import DdpClient
from bot.rocketchat.realtime.sampled_warnings import SampledWarnings
from bot.rocketchat.realtime.websocket import format_address, open_websocket
from tests.support.scripted_workspace import TIMEOUT_S, Frame, Peer, open_workspace


@asynccontextmanager
async def open_ddp(
    script: Callable[[Peer], Awaitable[None]], call_timeout_s: float = 2.0
) -> AsyncIterator[DdpClient]:
    async with (
        open_workspace(script) as workspace,
        open_websocket(format_address(workspace.url), 2.0, "bot") as websocket,
        asyncio.timeout(TIMEOUT_S),
    ):
        ddp = DdpClient(
            websocket,
            ids=itertools.count(1),
            settings=RealtimeSettings(call_timeout_s=call_timeout_s),
            warnings=SampledWarnings(),
        )
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(ddp.run())
            yield ddp
            reading.cancel()


def call_echo(ddp: DdpClient) -> Awaitable[Frame | None]:
    id_ = ddp.make_id()
    return ddp.call_method({"msg": "method", "method": "echo", "id": id_, "params": []}, id_)


def make_subscription(event: str) -> Frame:
    return {"msg": "sub", "id": event, "name": "stream-notify-user", "params": [event, False]}


async def test_a_late_answer_does_not_disturb_the_next_call() -> None:
    async def answer_late(peer: Peer) -> None:
        first, second = await peer.receive(), await peer.receive()
        for request in (first, first, second, second):
            await peer.send({"msg": "result", "id": request["id"], "result": request["id"]})
        third = await peer.receive()
        await peer.send({"msg": "result", "id": third["id"], "result": "third"})
        await peer.keep_open()

    async with open_ddp(answer_late, call_timeout_s=1.0) as ddp:
        with pytest.raises(UnreachableError, match=r"no answer to method in 1 s"):
            await call_echo(ddp)
        assert (await call_echo(ddp) or {})["result"] == "2"
        assert (await call_echo(ddp) or {})["result"] == "third"


async def test_two_subscriptions_to_one_stream_keep_their_callbacks() -> None:
    async def notify(peer: Peer) -> None:
        await peer.confirm()
        await peer.confirm()
        for event in ("ann/a", "ann/b", "ann/a"):
            fields: Frame = {"eventName": event, "args": []}
            await peer.send(
                {"msg": "changed", "collection": "stream-notify-user", "fields": fields}
            )
        await peer.keep_open()

    received: asyncio.Queue[str] = asyncio.Queue()
    async with open_ddp(notify) as ddp:
        for name in ("ann/a", "ann/b"):
            await ddp.create_subscription(
                make_subscription(name),
                name,
                lambda event, _: received.put_nowait(event),
            )
        assert [await received.get() for _ in range(3)] == ["ann/a", "ann/b", "ann/a"]


async def test_one_ready_may_confirm_several_subscriptions() -> None:
    async def confirm_both(peer: Peer) -> None:
        request = [await peer.receive(), await peer.receive()]
        await peer.send({"msg": "ready", "subs": [frame["id"] for frame in request]})
        await peer.keep_open()

    async with open_ddp(confirm_both) as ddp, asyncio.TaskGroup() as tasks:
        for name in ("ann/a", "ann/b"):
            tasks.create_task(
                ddp.create_subscription(make_subscription(name), name, lambda *_: None)
            )


async def test_the_websocket_drops_the_bots_own_messages() -> None:
    async def say_both(peer: Peer) -> None:
        for sender in ("bot", "ann"):
            await peer.send({"msg": "changed", "fields": {"args": [{"u": {"_id": sender}}]}})
        await peer.keep_open()

    async with (
        open_workspace(say_both) as workspace,
        open_websocket(format_address(workspace.url), 2.0, "bot") as websocket,
        asyncio.timeout(TIMEOUT_S),
    ):
        assert "ann" in await websocket.recv()


async def test_a_refused_subscription_is_an_error() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse()
        await peer.keep_open()

    async with open_ddp(refuse) as ddp:
        with pytest.raises(RefusedError, match="stream-notify-user"):
            await ddp.create_subscription(make_subscription("ann/a"), "ann/a", lambda *_: None)


async def test_a_call_on_a_closed_connection_is_unreachable() -> None:
    async def leave(peer: Peer) -> None:
        await peer.receive()

    with pytest.raises(ExceptionGroup) as raised:
        async with open_ddp(leave) as ddp:
            await call_echo(ddp)
    assert raised.group_contains(UnreachableError, match="closed with 1000")
