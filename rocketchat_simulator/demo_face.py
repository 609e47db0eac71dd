"""What the demo's page asks beyond what a workspace offers: people, the time, and deeds."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from rocketchat_simulator.documents import Document, to_milliseconds
from rocketchat_simulator.people import User
from rocketchat_simulator.workspace import Workspace

Deed = Callable[[User], Awaitable[Document]]
"""What a button on the page does for whoever presses it.

Gives ``told``, a sentence, and perhaps ``suggest``, what to write to the bot.
"""

_SAME_TIME: Final = timedelta(seconds=1)


class DemoServer:
    """The routes under ``/demo``. ``people`` can be signed in as with one click."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace: Final = workspace
        self.people: Final[list[User]] = []
        self.deeds: Final[dict[str, Deed]] = {}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        router.add_get("/demo/people", self._serve_people)
        router.add_get("/demo/clock", self._serve_clock)
        router.add_post("/demo/deeds/{name}", self._serve_deed)

    async def _serve_people(self, _request: web.Request) -> web.Response:
        if not self.people:
            raise web.HTTPNotFound
        shown = [
            {"username": user.username, "name": user.name, "password": user.password}
            for user in self.people
        ]
        return web.json_response(shown)

    async def _serve_clock(self, _request: web.Request) -> web.Response:
        return web.json_response(self._show_clock())

    async def _serve_deed(self, request: web.Request) -> web.Response:
        deed = self.deeds.get(request.match_info["name"])
        if deed is None:
            raise web.HTTPNotFound
        # Custom headers: no other page of this browser can press the buttons.
        token, user_id = request.headers.get("X-Auth-Token"), request.headers.get("X-User-Id")
        caller = self._workspace.user_of_token(token or "", user_id or "")
        if caller is None:
            raise web.HTTPUnauthorized
        told = await deed(caller)
        return web.json_response(self._show_clock() | told)

    def _show_clock(self) -> Document:
        now = self._workspace.now()
        is_moved = now - datetime.now(UTC) > _SAME_TIME
        return {"now": to_milliseconds(now), "isMoved": is_moved, "deeds": sorted(self.deeds)}
