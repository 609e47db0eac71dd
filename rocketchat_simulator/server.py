"""A Rocket.Chat workspace in one process, for tests, the demo and measurements."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from rocketchat_simulator.demo.server import DemoServer
from rocketchat_simulator.faults import Faults, Outage
from rocketchat_simulator.oauth.consent import ConsentPages
from rocketchat_simulator.oauth.server import OAuthServer
from rocketchat_simulator.realtime.server import RealtimeServer
from rocketchat_simulator.rest.api import RestApi
from rocketchat_simulator.rest.files import Files
from rocketchat_simulator.rest.gate import Gate
from rocketchat_simulator.rest.rate_limits import RateLimits
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.versions import version_of
from rocketchat_simulator.workspace.workspace import Workspace

_PAGE: Final = Path(__file__).parent / "page"
_MAX_REQUESTS: Final = 10_000
_MAX_BODY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One REST or OAuth call that was answered. Tokens are left out."""

    method: str
    path: str
    user_id: str | None
    status: int
    at: datetime


class Simulator:
    """A server that listens while the block lasts.

    ``limit_calls`` in ``limit_window`` seconds are allowed to each route and client address; with
    ``is_limited=False`` any number. ``now`` gives aware datetimes; ``skew`` is how wrong the
    server's clock is, and may be set at any time. What RealtimeServer takes goes to
    the realtime face. ``demo`` is what the page at ``/`` has beyond a workspace: ``demo_people``,
    who can be signed in as with one click, and deeds.
    """

    def __init__(
        self,
        *,
        version: str = "8.3",
        is_licensed: bool = True,
        allows_anonymous_reading: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], datetime] | None = None,
        limit_calls: int = 10,
        limit_window: float = 60.0,
        is_limited: bool = True,
        has_greeting: bool = False,
        is_streamer: bool = False,
        ping_after: float | None = None,
        pong_within: float | None = None,
        skew: timedelta = timedelta(),
    ) -> None:
        tell_time = now or (lambda: datetime.now(UTC))
        self.skew = skew

        def clock() -> datetime:
            return tell_time() + self.skew

        self._host: Final = host
        self._port = port
        self.workspace: Final = Workspace(
            version=version_of(version),
            is_licensed=is_licensed,
            allows_anonymous_reading=allows_anonymous_reading,
            now=clock,
        )
        self.realtime: Final = RealtimeServer(
            self.workspace,
            has_greeting=has_greeting,
            is_streamer=is_streamer,
            ping_after=ping_after,
            pong_within=pong_within,
        )
        self.requests: Final[deque[LoggedRequest]] = deque(maxlen=_MAX_REQUESTS)
        self.faults: Final = Faults()
        self.demo: Final = DemoServer(self.workspace)
        self.demo_people: Final[list[User]] = self.demo.people
        self.limits: Final = RateLimits(limit_calls, limit_window, clock)
        gate = Gate(self.limits if is_limited else None)
        self._rest: Final = RestApi(self.workspace, gate, self._note)
        pages = ConsentPages(self.workspace, self.demo_people)
        self._oauth: Final = OAuthServer(self.workspace, pages, self._note)
        self._stack: Final = AsyncExitStack()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start listening; the port is chosen where none was given."""
        runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.push_async_callback(self.realtime.close)
        self._runner = runner
        self._site = await self._listen(runner)
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening and end every connection."""
        await self._stack.aclose()

    @asynccontextmanager
    async def outage(self, kind: Outage) -> AsyncIterator[None]:
        """Be away while the block lasts, in one of several ways, and come back on the same port.

        Websockets are cut, or in silence left half-open; they are cut in the end anyway.
        """
        runner, site = self._runner, self._site
        if runner is None or site is None:
            message = "a workspace that does not listen cannot be away"
            raise RuntimeError(message)
        with self.faults.outage(kind):
            if kind is Outage.REFUSED:
                await site.stop()
            await self._cut(kind)
            try:
                yield
            finally:
                await self.realtime.drop_all()
                if kind is Outage.REFUSED:
                    self._site = await self._listen(runner)

    async def restart(self, seconds: float = 0.0) -> None:
        """Stop as a server does, and come back on the same port after so many seconds.

        Connections are cut and refused; what a server keeps in memory is gone: subscriptions and
        the counts of the rate limit. What is in the database stays: people, messages, tokens.
        """
        async with self.outage(Outage.REFUSED):
            self.limits.clear()
            await asyncio.sleep(seconds)

    async def _cut(self, kind: Outage) -> None:
        if kind is Outage.SILENT:
            self.realtime.hang()
        else:
            await self.realtime.drop_all()

    async def _listen(self, runner: web.AppRunner) -> web.TCPSite:
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        return site

    def _make_app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[self.faults.middleware])
        app.on_response_prepare.append(self._date)
        app.router.add_get("/websocket", self.realtime.serve)
        app.router.add_route("*", "/api/{rest:.*}", self._rest.serve)
        app.router.add_get("/file-upload/{id}/{name}", Files(self.workspace).serve)
        self._oauth.add_routes(app.router)
        self.demo.add_routes(app.router)
        app.router.add_get("/", self._serve_page)
        app.router.add_static("/page", _PAGE)
        return app

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Let the Date header tell the workspace's time, as one clock serves both."""
        response.headers["Date"] = format_datetime(self.workspace.now(), usegmt=True)

    def _note(self, request: web.Request, user_id: str | None, status: int) -> None:
        at = self.workspace.now()
        self.requests.append(LoggedRequest(request.method, request.path, user_id, status, at))

    async def _serve_page(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE / "index.html")
