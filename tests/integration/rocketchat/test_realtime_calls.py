"""The library's dispatcher as it is extended, on a real link."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.backoff import Backoff
from bot.errors import RefusedError, UnreachableError
from bot.rocketchat.realtime.ddp import DdpClient, SampledWarnings
from bot.rocketchat.realtime.websocket import format_address, open_link
from tests.support.scripted_workspace import PATIENCE, Frame, Peer, open_workspace


@asynccontextmanager
async def open_calls(
    script: Callable[[Peer], Awaitable[None]], call: float = 2.0
) -> AsyncIterator[DdpClient]:
    async with (
        open_workspace(script) as workspace,
        open_link(format_address(workspace.url), 2.0, "bot") as link,
        asyncio.timeout(PATIENCE),
    ):
        calls = DdpClient(
            link,
            ids=itertools.count(1),
            timing=Backoff(call=call),
            oddities=SampledWarnings(),
        )
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(calls.run())
            yield calls
            reading.cancel()


def ask(calls: DdpClient) -> Awaitable[Frame | None]:
    id_ = calls.make_id()
    return calls.call_method({"msg": "method", "method": "echo", "id": id_, "params": []}, id_)


def make_subscription(event: str) -> Frame:
    return {"msg": "sub", "id": event, "name": "stream-notify-user", "params": [event, False]}


async def test_an_answer_that_comes_too_late_does_not_disturb_the_next_call() -> None:
    async def answer_late(peer: Peer) -> None:
        first, second = await peer.hear(), await peer.hear()
        for asked in (first, first, second, second):
            await peer.say({"msg": "result", "id": asked["id"], "result": asked["id"]})
        third = await peer.hear()
        await peer.say({"msg": "result", "id": third["id"], "result": "third"})
        await peer.stay()

    async with open_calls(answer_late, call=0.2) as calls:
        with pytest.raises(UnreachableError, match=r"no answer to method in 0\.2 s"):
            await ask(calls)
        assert (await ask(calls) or {})["result"] == "2"
        assert (await ask(calls) or {})["result"] == "third"


async def test_a_second_subscription_to_a_stream_leaves_the_first_alone() -> None:
    async def notify(peer: Peer) -> None:
        await peer.confirm()
        await peer.confirm()
        for event in ("ann/a", "ann/b", "ann/a"):
            fields: Frame = {"eventName": event, "args": []}
            await peer.say({"msg": "changed", "collection": "stream-notify-user", "fields": fields})
        await peer.stay()

    heard: asyncio.Queue[str] = asyncio.Queue()
    async with open_calls(notify) as calls:
        for name in ("ann/a", "ann/b"):
            await calls.create_subscription(
                make_subscription(name),
                name,
                lambda frame: heard.put_nowait(frame["fields"]["eventName"]),
            )
        assert [await heard.get() for _ in range(3)] == ["ann/a", "ann/b", "ann/a"]


async def test_one_ready_may_confirm_several_subscriptions() -> None:
    async def confirm_both(peer: Peer) -> None:
        asked = [await peer.hear(), await peer.hear()]
        await peer.say({"msg": "ready", "subs": [frame["id"] for frame in asked]})
        await peer.stay()

    async with open_calls(confirm_both) as calls, asyncio.TaskGroup() as tasks:
        for name in ("ann/a", "ann/b"):
            tasks.create_task(
                calls.create_subscription(make_subscription(name), name, lambda _: None)
            )


async def test_the_bots_own_messages_are_not_even_given_out() -> None:
    async def say_both(peer: Peer) -> None:
        for sender in ("bot", "ann"):
            await peer.say({"msg": "changed", "fields": {"args": [{"u": {"_id": sender}}]}})
        await peer.stay()

    async with (
        open_workspace(say_both) as workspace,
        open_link(format_address(workspace.url), 2.0, "bot") as link,
        asyncio.timeout(PATIENCE),
    ):
        assert "ann" in await link.recv()


async def test_a_refused_subscription_is_an_error() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.refuse()
        await peer.stay()

    async with open_calls(refuse) as calls:
        with pytest.raises(RefusedError, match="stream-notify-user"):
            await calls.create_subscription(make_subscription("ann/a"), "ann/a", lambda _: None)


async def test_a_call_on_a_closed_link_says_that_it_is_unreachable() -> None:
    async def leave(peer: Peer) -> None:
        await peer.hear()

    with pytest.raises(ExceptionGroup) as raised:
        async with open_calls(leave) as calls:
            await ask(calls)
    assert raised.group_contains(UnreachableError, match="closed with 1000")
