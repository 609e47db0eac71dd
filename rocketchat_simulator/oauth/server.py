"""The OAuth 2 endpoints under ``/oauth/``, and the sign-in for the consent page.

Bodies and statuses as seen on 6.5.3 and 8.3. The consent page of a real server is part of its web
client and needs JavaScript; here it is an HTML page that posts the same form.
"""

import json
from datetime import datetime
from typing import Final

from aiohttp import web

from rocketchat_simulator.oauth.consent import ConsentPages
from rocketchat_simulator.oauth.requests import OAuthRequest, authorize, grant_tokens
from rocketchat_simulator.request_log import LogRequest
from rocketchat_simulator.workspace.documents import Document, to_iso
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_errors import OAuthRefusedError, make_invalid_request
from rocketchat_simulator.workspace.oauth_provider import TokenPair
from rocketchat_simulator.workspace.workspace import Workspace

_FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthServer:
    """Serves the provider and logs each request."""

    def __init__(self, workspace: Workspace, pages: ConsentPages, log_request: LogRequest) -> None:
        self._workspace: Final = workspace
        self._pages: Final = pages
        self._log_request: Final = log_request

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/oauth/authorize", self.show_consent)
        router.add_post("/oauth/authorize", self.accept_consent)
        router.add_route("*", "/oauth/token", self.grant_tokens)
        router.add_get("/oauth/userinfo", self.show_user)
        router.add_get("/oauth/error/{kind}", self._pages.show_error)
        router.add_post("/demo/sign-in", self._pages.sign_in)

    async def show_consent(self, request: web.Request) -> web.Response:
        """Return the consent page, or a redirect to an error page."""
        app = self._workspace.oauth.apps.find_active(request.query.get("client_id", ""))
        if app is None:
            return web.Response(status=302, headers={"Location": "/oauth/error/404"})
        redirect_uri = request.query.get("redirect_uri")
        if redirect_uri is not None and redirect_uri not in app.redirect_uris:
            location = "/oauth/error/invalid_redirect_uri"
            return web.Response(status=302, headers={"Location": location})
        return self._pages.show_consent(request, app)

    async def accept_consent(self, request: web.Request) -> web.Response:
        """Accept the consent page's form; only a yes redirects to the application."""
        form = await _parse_form(request)
        user = self._find_user(form.read("access_token") or form.read("token"))
        response = self._answer_consent(form, user)
        self._log_request(request, user.id if user else None, response.status)
        return response

    async def grant_tokens(self, request: web.Request) -> web.Response:
        """Exchange a code or a refresh token for tokens."""
        form = await _parse_form(request)
        user_id = None
        try:
            if request.method != "POST":
                raise make_invalid_request("Invalid request: method must be POST")
            pair = grant_tokens(self._workspace.oauth, form)
        except OAuthRefusedError as error:
            response = _make_error_response(error)
        else:
            user_id = pair.user_id
            response = _make_json_response(
                _format_pair(pair, self._workspace.now()), headers=_NO_STORE_HEADERS
            )
        self._log_request(request, user_id, response.status)
        return response

    async def show_user(self, request: web.Request) -> web.Response:
        """Return the user of an access token, even of an expired one."""
        header = request.headers.get("Authorization")
        user = self._workspace.oauth.user_of_any_bearer(header or "")
        if user is None:
            text = "No token" if header is None else "Invalid Token"
            response = web.Response(status=401, text=text, content_type="text/html")
        else:
            response = _make_json_response(_format_user(user, f"{request.scheme}://{request.host}"))
        self._log_request(request, user.id if user else None, response.status)
        return response

    def _find_user(self, token: str) -> User | None:
        return self._workspace.user_of_token(token) if token else None

    def _answer_consent(self, form: OAuthRequest, user: User | None) -> web.Response:
        if form.form.get("allow") != "yes":
            text = "The user denied access to your application"
            return _make_error_response(OAuthRefusedError(401, "access_denied", text))
        if user is None:
            has_token = form.form.get("access_token") or form.form.get("token")
            text = "Invalid token" if has_token else "No token"
            return web.Response(status=401, text=text, content_type="text/html")
        try:
            location = authorize(self._workspace.oauth, form, user)
        except OAuthRefusedError as error:
            return _make_error_response(error)
        text = f"Found. Redirecting to {location}"
        return web.Response(status=302, text=text, headers={"Location": location})


async def _parse_form(request: web.Request) -> OAuthRequest:
    """Parse a form; for other content types the server takes the query instead."""
    sent = await request.post() if request.content_type == _FORM else request.query
    form = {name: value for name, value in sent.items() if isinstance(value, str)}
    return OAuthRequest(form, request.query, request.headers.get("Authorization", ""))


def _format_pair(pair: TokenPair, now: datetime) -> Document:
    # Real servers return 3599: the time of the response is subtracted, and rounded down.
    seconds = int((pair.expires_at - now).total_seconds()) - 1
    shown: Document = {"access_token": pair.access_token, "token_type": "Bearer"}
    return shown | {"expires_in": seconds, "refresh_token": pair.refresh_token}


def _format_user(user: User, site: str) -> Document:
    shown: Document = {"sub": user.id, "name": user.name, "email": user.email}
    shown |= {"email_verified": not user.is_installer, "department": "", "birthdate": ""}
    # Misspelt as on the server.
    shown |= {"preffered_username": user.username, "updated_at": to_iso(user.updated_at)}
    return shown | {"picture": f"{site}/avatar/{user.username}"}


def _make_error_response(error: OAuthRefusedError) -> web.Response:
    body = {"error": error.error, "error_description": error.description}
    return _make_json_response(body, status=error.status)


def _make_json_response(
    body: Document, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
