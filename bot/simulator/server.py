"""A Rocket.Chat workspace in one process, for tests, the demo and measurements."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from bot.simulator.faults import Faults, Outage
from bot.simulator.limits import RateLimits
from bot.simulator.oauth.consent import ConsentPages
from bot.simulator.oauth.face import OAuthFace
from bot.simulator.people import User
from bot.simulator.realtime.face import PING_AFTER, PONG_WITHIN, RealtimeFace
from bot.simulator.rest.api import RestApi
from bot.simulator.rest.gate import Gate
from bot.simulator.versions import version_of
from bot.simulator.workspace import Workspace

_PAGE: Final = Path(__file__).parent / "page"
_MOST_REQUESTS: Final = 10_000
_MOST_BODY: Final = 1024 * 1024


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
    ``is_limited=False`` any number. ``now`` gives aware datetimes. What RealtimeFace takes goes to
    the realtime face. ``demo_people`` are offered for one-click sign-in on the page at ``/``.
    """

    def __init__(  # noqa: PLR0913 - a server's settings
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
        ping_after: float = PING_AFTER,
        pong_within: float = PONG_WITHIN,
    ) -> None:
        clock = now or (lambda: datetime.now(UTC))
        self._host: Final = host
        self._port = port
        self.workspace: Final = Workspace(
            version=version_of(version),
            is_licensed=is_licensed,
            allows_anonymous_reading=allows_anonymous_reading,
            now=clock,
        )
        self.realtime: Final = RealtimeFace(
            self.workspace,
            has_greeting=has_greeting,
            is_streamer=is_streamer,
            ping_after=ping_after,
            pong_within=pong_within,
        )
        self.requests: Final[deque[LoggedRequest]] = deque(maxlen=_MOST_REQUESTS)
        self.faults: Final = Faults()
        self.demo_people: Final[list[User]] = []
        limits = RateLimits(limit_calls, limit_window, clock) if is_limited else None
        self._rest: Final = RestApi(self.workspace, Gate(limits), self._note)
        pages = ConsentPages(self.workspace, self.demo_people)
        self._oauth: Final = OAuthFace(self.workspace, pages, self._note)
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
        app = web.Application(client_max_size=_MOST_BODY, middlewares=[self.faults.middleware])
        app.on_response_prepare.append(self._date)
        app.router.add_get("/websocket", self.realtime.serve)
        app.router.add_route("*", "/api/{rest:.*}", self._rest.serve)
        self._oauth.add_routes(app.router)
        app.router.add_get("/demo/people", self._serve_people)
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

    async def _serve_people(self, _request: web.Request) -> web.Response:
        if not self.demo_people:
            raise web.HTTPNotFound
        shown = [
            {"username": user.username, "name": user.name, "password": user.password}
            for user in self.demo_people
        ]
        return web.json_response(shown)
