"""The routes of the demo's page: people to sign in as, the state of the demo, and the buttons."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from rocketchat_simulator.workspace.documents import Document, make_id, to_milliseconds
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace

_MIN_LEAD: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class DemoAction:
    """A button of the page; ``hint`` says what it does.

    ``run`` does it for the signed-in user who presses it. It yields what to show, one after the
    other: ``message``, a sentence; optionally ``suggestion``, a text to send to the bot;
    ``isBusy`` while another action cannot begin; and ``isReset`` where the workspace is about to be
    replaced by a new one.
    """

    label: str
    hint: str
    run: Callable[[User], AsyncGenerator[Document]]


async def _describe_nothing(_user: User) -> Document:
    return {}


class DemoServer:
    """The routes under ``/demo``. The page offers ``people`` for sign-in with one click.

    ``actions`` are its buttons by name, ``commands`` what its writing field completes: documents
    with ``line``, a command with its arguments, and ``note``, what it does. ``describe_person``
    returns what the page's suggestions depend on: ``isConnected``, ``hasReports``, ``hasAlerts``.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace: Final = workspace
        self._id: Final = make_id()
        self.people: Final[list[User]] = []
        self.actions: Final[dict[str, DemoAction]] = {}
        self.commands: Sequence[Document] = ()
        self.describe_person: Callable[[User], Awaitable[Document]] = _describe_nothing

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/demo/people", self._serve_people)
        router.add_get("/demo/state", self._serve_state)
        router.add_get("/demo/commands", self._serve_commands)
        router.add_post("/demo/actions/{name}", self._serve_action)

    async def _serve_people(self, _request: web.Request) -> web.Response:
        if not self.people:
            raise web.HTTPNotFound
        people = [
            {"username": user.username, "name": user.name, "password": user.password}
            for user in self.people
        ]
        return web.json_response(people)

    async def _serve_state(self, request: web.Request) -> web.Response:
        """Return the time, the buttons, and about the person who asks what suggestions need.

        ``workspace`` is another id after a reset.
        """
        caller = self._find_caller(request)
        person = await self.describe_person(caller) if caller else {}
        buttons = [
            {"name": name, "label": each.label, "hint": each.hint}
            for name, each in self.actions.items()
        ]
        state = {"workspace": self._id, "actions": buttons, "person": person}
        return web.json_response(state | self._format_clock())

    async def _serve_commands(self, _request: web.Request) -> web.Response:
        return web.json_response(list(self.commands))

    async def _serve_action(self, request: web.Request) -> web.StreamResponse:
        """Run an action; each document that it yields is sent at once, as a line of JSON."""
        action = self.actions.get(request.match_info["name"])
        if action is None:
            raise web.HTTPNotFound
        # A page of another site cannot set these headers, so it cannot press the buttons.
        caller = self._find_caller(request)
        if caller is None:
            raise web.HTTPUnauthorized
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async with aclosing(action.run(caller)) as results:
            async for result in results:
                line = json.dumps(self._format_clock() | result) + "\n"
                await response.write(line.encode())
        await response.write_eof()
        return response

    def _find_caller(self, request: web.Request) -> User | None:
        token, user_id = request.headers.get("X-Auth-Token"), request.headers.get("X-User-Id")
        return self._workspace.user_of_token(token or "", user_id or "")

    def _format_clock(self) -> Document:
        now = self._workspace.now()
        is_moved = now - datetime.now(UTC) > _MIN_LEAD
        return {"now": to_milliseconds(now), "isMoved": is_moved}
