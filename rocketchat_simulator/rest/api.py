"""The REST API: finds the route of a request and runs it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web

from rocketchat_simulator.request_log import LogRequest
from rocketchat_simulator.rest import (
    accounts,
    auth,
    commands,
    emoji,
    history,
    media,
    message_actions,
    message_lists,
    method_calls,
    oauth_apps,
    roles,
    room_contents,
    room_members,
    room_settings,
    rooms,
    sending,
    sessions,
    settings,
    subscriptions,
    users,
)
from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.responses import Response, make_unknown_route
from rocketchat_simulator.rest.route_runner import RouteRunner
from rocketchat_simulator.rest.schemas import find_check
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import File, User
from rocketchat_simulator.workspace.versions import Version
from rocketchat_simulator.workspace.workspace import Workspace

_ROUTE_MODULES: Final = (
    accounts,
    auth,
    commands,
    emoji,
    history,
    media,
    message_actions,
    message_lists,
    method_calls,
    oauth_apps,
    roles,
    room_contents,
    room_members,
    room_settings,
    rooms,
    sending,
    sessions,
    settings,
    subscriptions,
    users,
)
_PREFIX: Final = "/api/v1/"
_FORM_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_FIRST_WITH_CLOUD_ID: Final = (8, 0)
"""Seen on 8.3, and not on 6.5.3; the versions between were not seen."""

_MIN_CLIENT_VERSIONS: Final = {"desktop": "3.9.6", "mobile": "4.39.0"}


class RestApi:
    """Serves everything under ``/api/`` and logs each request."""

    def __init__(self, workspace: Workspace, runner: RouteRunner, log_request: LogRequest) -> None:
        self._workspace = workspace
        self._runner = runner
        self._log_request = log_request
        self._routes: Final = _collect_routes(workspace.version)
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
        if request.method == "OPTIONS":
            # As seen on 8.3; the headers for other sites need a setting that is off.
            return Response(200, None)
        if request.path == "/api/info":
            return _describe_server(self._workspace, call.caller)
        path = request.path.removeprefix(_PREFIX)
        version = self._workspace.version
        route = self._routes.get((request.method, path))
        if route is None:
            route = self._patterns.get((request.method, _find_pattern(path)))
        if route is None:
            is_known = path in self._paths
            return make_unknown_route(version, request.method, is_known_path=is_known)
        return self._runner.run(route, call, call.proxied_ip or request.remote or "")


def _collect_routes(version: Version) -> dict[tuple[str, str], Route]:
    """Return the routes of a version, each with what the version checks of its parameters."""
    return {
        (route.method, route.name): replace(
            route, check=find_check(f"{route.method} {route.name}", version.number)
        )
        for module in _ROUTE_MODULES
        for route in module.ROUTES
        if route.since <= version.number < route.until
    }


def _describe_server(workspace: Workspace, caller: User | None) -> Response:
    """Describe the server; only callers who may see statistics get ``info``."""
    label = workspace.version.label
    body: Document = {"version": label, "minimumClientVersions": _MIN_CLIENT_VERSIONS}
    if caller is not None and caller.may("view-statistics"):
        body["info"] = {"version": f"{label}.0", "build": {"platform": "linux"}}
    if workspace.version.number >= _FIRST_WITH_CLOUD_ID:
        body["cloudWorkspaceId"] = workspace.settings["Cloud_Workspace_Id"]
    return Response(200, body | {"success": True})


def _find_pattern(path: str) -> tuple[str, int]:
    """Return what identifies a route with parameters: its first segment, and their number."""
    name, *parameters = path.split("/")
    return name, len(parameters)


async def _read_body(request: web.Request) -> tuple[object, tuple[File, ...]]:
    """Return what a body holds, and the files of a form.

    Bodies of another type are taken for empty, JSON with mistakes too (server source
    ``packages/http-router/src/Router.ts``, 8.x). 6.5 reads nested names in forms, as
    ``message[rid]``, which is left out here.
    """
    if request.content_type == "application/json":
        return _parse_json(await request.text()), ()
    if request.content_type not in _FORM_TYPES:
        return {}, ()
    form = await request.post()
    files = [field for field in form.values() if isinstance(field, web.FileField)]
    texts = {name: text for name, text in form.items() if isinstance(text, str)}
    return texts, tuple(File(each.filename, each.content_type, each.file.read()) for each in files)


def _parse_json(text: str) -> object:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict | list) else {}


async def _make_call(workspace: Workspace, request: web.Request) -> Call:
    sent, files = await _read_body(request)
    return Call(
        workspace=workspace,
        caller=_find_caller(workspace, request.headers),
        token=request.headers.get("X-Auth-Token", ""),
        params=request.query,
        body=sent if isinstance(sent, dict) else {},
        headers=request.headers,
        site=f"{request.scheme}://{request.host}",
        proxied_ip=_read_proxied_ip(request),
        path=tuple(request.path.removeprefix(_PREFIX).split("/")[1:]),
        files=files,
        sent=sent,
        is_form=request.content_type in _FORM_TYPES,
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
