"""All routes together, as handlers of the simulator's web application."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from rocketchat_simulator.rest import (
    auth,
    chat,
    history,
    media,
    oauth_apps,
    rooms,
    sessions,
    subscriptions,
    users,
)
from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.gate import Gate
from rocketchat_simulator.rest.responses import Response, make_unknown_route
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.uploads import File
from rocketchat_simulator.workspace.workspace import Workspace

_FAMILIES: Final = (auth, chat, history, media, oauth_apps, rooms, sessions, subscriptions, users)
_PREFIX: Final = "/api/v1/"
_CLIENTS: Final = {"desktop": "3.9.6", "mobile": "4.39.0"}

LogRequest = Callable[[web.Request, str | None, int], None]


class RestApi:
    """Answers everything under ``/api/``; ``note`` is told of each call, its user and status."""

    def __init__(self, workspace: Workspace, gate: Gate, note: LogRequest) -> None:
        self._workspace = workspace
        self._gate = gate
        self._note = note
        self._routes: Final = _collect_routes()
        self._patterns: Final = {
            (method, _shape(name)): route
            for (method, name), route in self._routes.items()
            if ":" in name
        }
        self._paths: Final = {path for _, path in self._routes}

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        call = await _make_call(self._workspace, request)
        answer = self._answer(request, call)
        self._note(request, call.caller.id if call.caller else None, answer.status)
        return answer.render({"X-Instance-ID": self._workspace.sessions.instance_id})

    def _answer(self, request: web.Request, call: Call) -> Response:
        if request.path == "/api/info":
            return _show_server(self._workspace)
        path = request.path.removeprefix(_PREFIX)
        version = self._workspace.version
        route = self._routes.get((request.method, path))
        if route is None and version.has_media:
            route = self._patterns.get((request.method, _shape(path)))
        if route is None:
            is_known = path in self._paths
            return make_unknown_route(version, request.method, is_known_path=is_known)
        return self._gate.answer(route, call, call.proxied_ip or request.remote or "")


def _collect_routes() -> dict[tuple[str, str], Route]:
    routes = [route for family in _FAMILIES for route in family.ROUTES]
    return {(route.method, route.name): route for route in routes}


def _show_server(workspace: Workspace) -> Response:
    body: Document = {"version": workspace.version.label, "minimumClientVersions": _CLIENTS}
    return Response(200, body | {"success": True})


def _shape(path: str) -> tuple[str, int]:
    """Return what tells paths with ids in them apart: the beginning, and how many ids follow."""
    head, *ids = path.split("/")
    return head, len(ids)


async def _read_file(request: web.Request) -> File | None:
    sent = (await request.post()).get("file")
    if not isinstance(sent, web.FileField):
        return None
    return File(sent.filename, sent.content_type, sent.file.read())


async def _read_body(request: web.Request) -> Document:
    """Return the JSON object that was sent; anything else counts as empty."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _make_call(workspace: Workspace, request: web.Request) -> Call:
    is_form = request.content_type == "multipart/form-data"
    return Call(
        workspace=workspace,
        caller=_find_caller(workspace, request.headers),
        token=request.headers.get("X-Auth-Token", ""),
        params=request.query,
        body={} if is_form else await _read_body(request),
        headers=request.headers,
        site=f"{request.scheme}://{request.host}",
        proxied_ip=_read_proxied_ip(request),
        path=tuple(request.path.removeprefix(_PREFIX).split("/")[1:]),
        file=await _read_file(request) if is_form else None,
    )


def _find_caller(workspace: Workspace, headers: Mapping[str, str]) -> User | None:
    """Find who calls; where token and user id are there, a bearer token is not looked at."""
    token, user_id = headers.get("X-Auth-Token", ""), headers.get("X-User-Id", "")
    caller = None
    if token and user_id:
        caller = workspace.user_of_token(token, user_id)
    elif workspace.version.accepts_bearer:
        caller = workspace.oauth.user_of_bearer(headers.get("Authorization", ""))
    if workspace.allows_anonymous_reading and workspace.version.trusts_user_id_header:
        return caller or workspace.find_user(user_id)
    return caller


def _read_proxied_ip(request: web.Request) -> str | None:
    """Return the client's address as a proxy in front would report it."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    return forwarded or request.headers.get("X-Real-IP")
