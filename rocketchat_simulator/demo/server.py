"""The routes of the demo's page: people to sign in as, the clock, and the buttons."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from rocketchat_simulator.workspace.documents import Document, to_milliseconds
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace

DemoAction = Callable[[User], Awaitable[Document]]
"""What a button of the page does for the signed-in user who presses it.

Returns ``message``, a sentence to show, and optionally ``suggestion``, a text to send to the bot.
"""

_MIN_LEAD: Final = timedelta(seconds=1)


class DemoServer:
    """The routes under ``/demo``. The page offers ``people`` for sign-in with one click."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace: Final = workspace
        self.people: Final[list[User]] = []
        self.actions: Final[dict[str, DemoAction]] = {}

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/demo/people", self._serve_people)
        router.add_get("/demo/clock", self._serve_clock)
        router.add_post("/demo/actions/{name}", self._serve_action)

    async def _serve_people(self, _request: web.Request) -> web.Response:
        if not self.people:
            raise web.HTTPNotFound
        people = [
            {"username": user.username, "name": user.name, "password": user.password}
            for user in self.people
        ]
        return web.json_response(people)

    async def _serve_clock(self, _request: web.Request) -> web.Response:
        return web.json_response(self._format_clock())

    async def _serve_action(self, request: web.Request) -> web.Response:
        action = self.actions.get(request.match_info["name"])
        if action is None:
            raise web.HTTPNotFound
        # A page of another site cannot set these headers, so it cannot press the buttons.
        token, user_id = request.headers.get("X-Auth-Token"), request.headers.get("X-User-Id")
        caller = self._workspace.user_of_token(token or "", user_id or "")
        if caller is None:
            raise web.HTTPUnauthorized
        result = await action(caller)
        return web.json_response(self._format_clock() | result)

    def _format_clock(self) -> Document:
        now = self._workspace.now()
        is_moved = now - datetime.now(UTC) > _MIN_LEAD
        return {"now": to_milliseconds(now), "isMoved": is_moved, "actions": sorted(self.actions)}
