"""The responses of the REST API."""

import json
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from rocketchat_simulator.workspace.documents import Document, render_iso
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.versions import Version

_WEB_CLIENT_PAGE: Final = (
    '<!DOCTYPE html>\n<html>\n<head>\n<script id="scripts" type="text/javascript"></script>\n'
    '</head>\n<body>\n<div id="react-root"></div>\n</body>\n</html>\n'
)
_LOGIN_FIRST: Final = "You must be logged in to do this."


@dataclass(frozen=True, slots=True)
class Response:
    """A status and a body; a body of None is empty."""

    status: int
    body: Document | str | None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def render(self, headers: dict[str, str]) -> web.Response:
        """Make the HTTP response, with further headers."""
        text = self.body if isinstance(self.body, str) else ""
        if isinstance(self.body, dict):
            text = json.dumps(render_iso(self.body), ensure_ascii=False, separators=(",", ":"))
        kind = {"Content-Type": self.content_type} if self.content_type else {}
        # Bytes, because aiohttp adds a charset to text, which the server does not send.
        return web.Response(
            status=self.status, body=text.encode(), headers=kind | self.headers | headers
        )


def make_success(body: Document) -> Response:
    """Make a 200 with ``success``."""
    return Response(200, body | {"success": True})


def make_failure(status: int, error: str, error_type: str = "", details: object = None) -> Response:
    """Make an error response with a text, and with a type and details if there are any."""
    body: Document = {"success": False, "error": error}
    body |= {"errorType": error_type} if error_type else {}
    body |= {"details": details} if details is not None else {}
    return Response(status, body)


def make_refusal(error: RefusedError) -> Response:
    """Make the 400 for a RefusedError."""
    return make_failure(400, error.text, error.kind, error.details)


def make_unauthorized(version: Version) -> Response:
    """Make the 401 for a missing or invalid token; 6.5 has no ``success`` in it."""
    body: Document = {"status": "error", "message": _LOGIN_FIRST}
    later = {"success": False, "error": _LOGIN_FIRST}
    return Response(401, body if version.is_before_7 else later | body)


def make_unauthorized_action() -> Response:
    """Make the 403 of a route that checks a permission itself; 9.0 is to say ``forbidden``."""
    return make_failure(403, "unauthorized")


def make_forbidden() -> Response:
    """Make the 403 for a missing permission."""
    return make_failure(
        403, "User does not have the permissions required for this action [error-unauthorized]"
    )


def make_unlicensed(version: Version) -> Response:
    """Make the response of a workspace without the device-management licence."""
    if version.is_before_7:
        return make_failure(403, "unauthorized")
    kind = "error-action-not-allowed"
    return make_failure(400, f"This is an enterprise feature [{kind}]", kind)


def make_invalid_parameters(problem: str, *, is_query: bool, is_typed: bool) -> Response:
    """Make the 400 for parameters that the route's schema refuses.

    ``is_typed`` routes were registered with their schema (server source
    ``packages/http-router/src/Router.ts``, 8.x).
    """
    if not is_typed:
        return make_failure(400, f"{problem} [invalid-params]", "invalid-params")
    return make_failure(400, problem, "error-invalid-params" if is_query else "invalid-params")


def make_second_factor_required() -> Response:
    """Make the 400 that requires the password as a second factor."""
    details = {"method": "password", "codeGenerated": False, "availableMethods": []}
    return make_failure(400, "TOTP Required [totp-required]", "totp-required", details)


def make_unknown_route(version: Version, method: str, *, is_known_path: bool) -> Response:
    """Make the response for a path or a method that the API does not have."""
    if not version.is_before_7:
        return Response(404, "404 Not Found", "text/plain; charset=UTF-8")
    if is_known_path:
        return Response(405, {"status": "error", "message": "API endpoint does not exist"})
    return (
        Response(200, _WEB_CLIENT_PAGE, "text/html; charset=utf-8")
        if method == "GET"
        else _NOT_ALLOWED
    )


_NOT_ALLOWED: Final = Response(405, None, "")
