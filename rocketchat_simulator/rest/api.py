"""The REST API: finds the route of a request and runs it."""

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from rocketchat_simulator.request_log import LogRequest
from rocketchat_simulator.rest import (
    auth,
    chat,
    history,
    media,
    oauth_apps,
    rooms,
    sessions,
    settings,
    subscriptions,
    users,
)
from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.responses import Response, make_unknown_route
from rocketchat_simulator.rest.route_runner import RouteRunner
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.uploads import File
from rocketchat_simulator.workspace.workspace import Workspace

_ROUTE_MODULES: Final = (
    auth,
    chat,
    history,
    media,
    oauth_apps,
    rooms,
    sessions,
    settings,
    subscriptions,
    users,
)
_PREFIX: Final = "/api/v1/"
_MIN_CLIENT_VERSIONS: Final = {"desktop": "3.9.6", "mobile": "4.39.0"}


class RestApi:
    """Serves everything under ``/api/`` and logs each request."""

    def __init__(self, workspace: Workspace, runner: RouteRunner, log_request: LogRequest) -> None:
        self._workspace = workspace
        self._runner = runner
        self._log_request = log_request
        self._routes: Final = _collect_routes()
        self._patterns: Final = {
            (method, _find_pattern(name)): route
            for (method, name), route in self._routes.items()
            if ":" in name
        }
        self._paths: Final = {path for _, path in self._routes}

    async def serve(self, request: web.Request) -> web.Response:
        """Return the response to a request."""
        call = await _make_call(self._workspace, request)
        response = self._answer(request, call)
        self._log_request(request, call.caller.id if call.caller else None, response.status)
        return response.render({"X-Instance-ID": self._workspace.sessions.instance_id})

    def _answer(self, request: web.Request, call: Call) -> Response:
        if request.path == "/api/info":
            return _describe_server(self._workspace)
        path = request.path.removeprefix(_PREFIX)
        version = self._workspace.version
        route = self._routes.get((request.method, path))
        if route is None and version.has_media:
            route = self._patterns.get((request.method, _find_pattern(path)))
        if route is None:
            is_known = path in self._paths
            return make_unknown_route(version, request.method, is_known_path=is_known)
        return self._runner.run(route, call, call.proxied_ip or request.remote or "")


def _collect_routes() -> dict[tuple[str, str], Route]:
    routes = [route for module in _ROUTE_MODULES for route in module.ROUTES]
    return {(route.method, route.name): route for route in routes}


def _describe_server(workspace: Workspace) -> Response:
    body: Document = {
        "version": workspace.version.label,
        "minimumClientVersions": _MIN_CLIENT_VERSIONS,
    }
    return Response(200, body | {"success": True})


def _find_pattern(path: str) -> tuple[str, int]:
    """Return what identifies a route with parameters: its first segment, and their number."""
    name, *parameters = path.split("/")
    return name, len(parameters)


async def _read_file(request: web.Request) -> File | None:
    sent = (await request.post()).get("file")
    if not isinstance(sent, web.FileField):
        return None
    return File(sent.filename, sent.content_type, sent.file.read())


async def _read_body(request: web.Request) -> Document:
    """Return the JSON object of the body, or an empty one for any other body."""
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
    """Find the calling user; a bearer token counts only without ``X-Auth-Token``."""
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
    """Return the client's address from a proxy's header."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
    return forwarded or request.headers.get("X-Real-IP")
