import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from pydantic import SecretStr

from bot.errors import TokenRejectedError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.rocketchat.rate_limit.queue import BackgroundPacer
from bot.rocketchat.requests import Query, RequestExecutor
from bot.rocketchat.responses import Response
from bot.rocketchat.transport import HttpTransport
from tests.unit.rocketchat.rate_limit.limited_workspace import LimitedWorkspace, now
from tests.unit.rocketchat.rate_limit.virtual_time import run

ANN = AuthToken("ann", SecretStr("real"))
ME = Query(ANN, "v1/me")


class Wire:
    """Stands for the network: the first calls fail, the others reach the workspace."""

    def __init__(self, workspace: LimitedWorkspace, failures: int = 0, takes: float = 1.0) -> None:
        self.workspace = workspace
        self.failures = failures
        self.takes = takes
        self.asked = 0

    async def request(
        self,
        _method: str,
        _route: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
    ) -> Response:
        del query, body
        self.asked += 1
        if self.asked <= self.failures:
            await asyncio.sleep(self.takes)
            raise UnreachableError("no answer")
        return await self.workspace.serve(headers["X-User-Id"])


def make_calls(wire: Wire) -> RequestExecutor:
    loop: Any = asyncio.get_running_loop()
    budget = RateLimiter(now=loop.time, call_at=loop.call_at)
    return RequestExecutor(
        cast("HttpTransport", wire), budget, BackgroundPacer(loop.time), pause=0.1, now=now
    )


def exhaust(workspace: LimitedWorkspace) -> None:
    for _ in range(workspace.limit):
        workspace.count("early")


def test_waiting_for_a_turn_does_not_use_up_the_tries() -> None:
    async def story() -> None:
        wire = Wire(LimitedWorkspace())
        calls = make_calls(wire)
        exhaust(wire.workspace)
        blocked = asyncio.create_task(calls.read(Query(ANN, "v1/me", (("a", "1"),))))
        await asyncio.sleep(5)
        wire.failures = wire.asked + 2
        assert (await calls.read(ME))["success"]
        assert now() > 1060
        await blocked

    run(story())


def test_no_try_begins_later_than_eight_seconds_after_the_first() -> None:
    async def story() -> None:
        wire = Wire(LimitedWorkspace(), failures=5, takes=9.0)
        with pytest.raises(UnreachableError):
            await make_calls(wire).read(ME)
        assert wire.asked == 1

    run(story())


def test_a_token_that_cannot_be_sent_does_not_wait() -> None:
    async def story() -> None:
        wire = Wire(LimitedWorkspace())
        calls = make_calls(wire)
        exhaust(wire.workspace)
        waiting = asyncio.create_task(calls.read(ME))
        await asyncio.sleep(1)
        with pytest.raises(TokenRejectedError):
            await calls.read(Query(AuthToken("ann", SecretStr("two words")), "v1/me"))
        assert now() == pytest.approx(1001)
        await waiting

    run(story())


def test_a_write_that_was_refused_is_sent_again() -> None:
    async def story() -> None:
        wire = Wire(LimitedWorkspace())
        exhaust(wire.workspace)
        answer = await make_calls(wire).write("v1/im.create", ANN, {}, is_background=False)
        assert answer["success"]
        assert (wire.asked, wire.workspace.refused) == (2, 1)

    run(story())
