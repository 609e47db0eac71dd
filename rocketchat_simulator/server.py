"""A Rocket.Chat workspace in one process, for tests, the demo and measurements."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
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
from rocketchat_simulator.request_log import LoggedRequest
from rocketchat_simulator.rest.api import RestApi
from rocketchat_simulator.rest.avatars import Avatars
from rocketchat_simulator.rest.files import FileDownloads
from rocketchat_simulator.rest.rate_limits import RateLimits
from rocketchat_simulator.rest.route_runner import RouteRunner
from rocketchat_simulator.webhooks import Webhooks
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.versions import version_of
from rocketchat_simulator.workspace.workspace import Workspace

_PAGE_FOLDER: Final = Path(__file__).parent / "page"
_MAX_LOGGED_REQUESTS: Final = 10_000
_MAX_BODY_BYTES: Final = 1024 * 1024
_SHUTDOWN_TIMEOUT_S: Final = 1.0


class Simulator:
    """An async context manager: a server that listens until the block ends.

    ``limit_calls`` in ``limit_window`` seconds are allowed for each route and client address, with
    ``is_limited=False`` any number. ``now`` returns aware datetimes; ``skew`` is added to them as
    the error of the server's clock, and may be set at any time. RealtimeServer explains
    ``has_greeting``, ``is_streamer``, ``ping_after`` and ``pong_within``. ``demo`` has the routes
    for the page at ``/``, which offers ``demo_people`` for sign-in with one click.
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
        read_time = now or (lambda: datetime.now(UTC))
        self.skew = skew

        def clock() -> datetime:
            return read_time() + self.skew

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
        self.requests: Final[deque[LoggedRequest]] = deque(maxlen=_MAX_LOGGED_REQUESTS)
        self.faults: Final = Faults()
        self.demo: Final = DemoServer(self.workspace)
        self.demo_people: Final[list[User]] = self.demo.people
        self.limits: Final = RateLimits(limit_calls, limit_window, clock)
        runner = RouteRunner(self.limits if is_limited else None)
        self._rest: Final = RestApi(self.workspace, runner, self._log_request)
        pages = ConsentPages(self.workspace, self.demo_people)
        self._oauth: Final = OAuthServer(self.workspace, pages, self._log_request)
        self._webhooks: Final = Webhooks(self.workspace)
        self._stack = AsyncExitStack()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """The base URL, valid once the server listens."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start listening, for port 0 on a free port."""
        runner = web.AppRunner(
            self._make_app(), access_log=None, shutdown_timeout=_SHUTDOWN_TIMEOUT_S
        )
        # A stack of its own, which closes what is open where the port is taken.
        async with AsyncExitStack() as opened:
            opened.push_async_callback(runner.cleanup)
            await runner.setup()
            self._site = await self._listen(runner)
            opened.push_async_callback(self.realtime.close)
            await opened.enter_async_context(self._webhooks.call_outgoing())
            self._stack = opened.pop_all()
        self._runner = runner
        self._port = runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening and close all connections."""
        await self._stack.aclose()

    @asynccontextmanager
    async def outage(self, kind: Outage, agent: str = "") -> AsyncIterator[None]:
        """Simulate an outage until the block ends; afterwards serve on the same port.

        Websockets are cut at the start, or for ``SILENT`` left half-open and cut at the end. With
        ``agent`` it is an outage only for clients whose ``User-Agent`` begins with it; connections
        are refused to all or to none, so ``REFUSED`` is a ValueError then.
        """
        if agent and kind is Outage.REFUSED:
            message = "connections cannot be refused to one client: its request is not known yet"
            raise ValueError(message)
        runner, site = self._runner, self._site
        if runner is None or site is None:
            message = "an outage needs a simulator that listens"
            raise RuntimeError(message)
        with self.faults.outage(kind, agent):
            if kind is Outage.REFUSED:
                await site.stop()
            await self._break_websockets(kind, agent)
            try:
                yield
            finally:
                await self.realtime.drop_all(agent)
                if kind is Outage.REFUSED:
                    self._site = await self._listen(runner)

    async def restart(self, seconds: float = 0.0) -> None:
        """Simulate a restart: refuse connections for ``seconds``, then serve on the same port.

        What a server keeps in memory is lost: connections, subscriptions and the counts of the rate
        limit. What it keeps in its database stays: accounts, messages, tokens.
        """
        async with self.outage(Outage.REFUSED):
            self.limits.clear()
            await asyncio.sleep(seconds)

    async def _break_websockets(self, kind: Outage, agent: str) -> None:
        if kind is Outage.SILENT:
            self.realtime.hang(agent)
        else:
            await self.realtime.drop_all(agent)

    async def _listen(self, runner: web.AppRunner) -> web.TCPSite:
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        return site

    def _make_app(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[self.faults.middleware])
        app.on_response_prepare.append(self._set_date_header)
        app.router.add_get("/websocket", self.realtime.serve)
        app.router.add_route("*", "/api/{rest:.*}", self._rest.serve)
        app.router.add_route("*", "/hooks/{id}/{token}", self._webhooks.serve)
        app.router.add_route("*", "/hooks/{id}/{user_id}/{token}", self._webhooks.serve)
        app.router.add_get("/file-upload/{id}/{name}", FileDownloads(self.workspace).serve)
        app.router.add_get("/avatar/{name}", Avatars(self.workspace).serve)
        self._oauth.add_routes(app.router)
        self.demo.add_routes(app.router)
        app.router.add_get("/", self._serve_page)
        app.router.add_static("/page", _PAGE_FOLDER)
        return app

    async def _set_date_header(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Set the Date header to the workspace's time: a real server has one clock."""
        response.headers["Date"] = format_datetime(self.workspace.now(), usegmt=True)

    def _log_request(self, request: web.Request, user_id: str | None, status: int) -> None:
        at = self.workspace.now()
        self.requests.append(LoggedRequest(request.method, request.path, user_id, status, at))

    async def _serve_page(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE_FOLDER / "index.html")
