import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest
from pydantic import SecretStr

from bot.errors import TokenRejectedError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.rate_limit.limiter import BackgroundPacer, PeopleWaiting, RateLimiter
from bot.rocketchat.requests import ReadRequest, RequestExecutor
from bot.rocketchat.responses import Response
from bot.rocketchat.transport import HttpTransport
from tests.unit.rocketchat.rate_limit.limited_workspace import LimitedWorkspace, now
from tests.unit.rocketchat.rate_limit.virtual_time import run

ANN = AuthToken("ann", SecretStr("real"))
ME = ReadRequest(ANN, "v1/me")


class ScriptedNetwork:
    """A network on which the first requests fail and the others reach the workspace."""

    def __init__(self, workspace: LimitedWorkspace, failures: int = 0, takes: float = 1.0) -> None:
        self.workspace = workspace
        self.failures = failures
        self.takes = takes
        self.sent = 0

    async def request(
        self,
        _method: str,
        _route: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        subpath: str = "",
    ) -> Response:
        del query, body, subpath
        self.sent += 1
        if self.sent <= self.failures:
            await asyncio.sleep(self.takes)
            raise UnreachableError("no answer")
        return await self.workspace.serve(headers["X-User-Id"])


def make_executor(network: ScriptedNetwork) -> RequestExecutor:
    loop: Any = asyncio.get_running_loop()
    limiter = RateLimiter(now=loop.time, call_at=loop.call_at)
    return RequestExecutor(
        cast("HttpTransport", network),
        limiter,
        BackgroundPacer(loop.time, PeopleWaiting(loop.time)),
        retry_pause_s=0.1,
        now=now,
    )


def use_up_window(workspace: LimitedWorkspace) -> None:
    for _ in range(workspace.limit):
        workspace.count("early")


def test_time_in_the_queue_does_not_use_up_the_tries() -> None:
    async def scenario() -> None:
        network = ScriptedNetwork(LimitedWorkspace())
        executor = make_executor(network)
        use_up_window(network.workspace)
        blocked = asyncio.create_task(executor.read(ReadRequest(ANN, "v1/me", (("a", "1"),))))
        await asyncio.sleep(5)
        network.failures = network.sent + 2
        assert (await executor.read(ME))["success"]
        assert now() > 1060
        await blocked

    run(scenario())


def test_no_try_begins_later_than_eight_seconds_after_the_first() -> None:
    async def scenario() -> None:
        network = ScriptedNetwork(LimitedWorkspace(), failures=5, takes=9.0)
        with pytest.raises(UnreachableError):
            await make_executor(network).read(ME)
        assert network.sent == 1

    run(scenario())


def test_a_token_that_cannot_be_sent_is_not_queued() -> None:
    async def scenario() -> None:
        network = ScriptedNetwork(LimitedWorkspace())
        executor = make_executor(network)
        use_up_window(network.workspace)
        waiting = asyncio.create_task(executor.read(ME))
        await asyncio.sleep(1)
        with pytest.raises(TokenRejectedError):
            await executor.read(ReadRequest(AuthToken("ann", SecretStr("two words")), "v1/me"))
        assert now() == pytest.approx(1001)
        await waiting

    run(scenario())


def test_a_write_that_was_refused_is_sent_again() -> None:
    async def scenario() -> None:
        network = ScriptedNetwork(LimitedWorkspace())
        use_up_window(network.workspace)
        answer = await make_executor(network).write("v1/im.create", ANN, {}, is_background=False)
        assert answer["success"]
        assert (network.sent, network.workspace.refused) == (2, 1)

    run(scenario())
