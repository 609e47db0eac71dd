"""The OAuth 2 provider on the network: ``/oauth/…`` and signing in for the consent page.

Bodies and statuses as seen on 6.5.3 and 8.3. The consent page of a real server is part of its web
client and needs JavaScript; here it is a plain page that posts the same form.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web

from rocketchat_simulator.oauth.consent import ConsentPages
from rocketchat_simulator.oauth.requests import OAuthRequest, authorize, grant_tokens
from rocketchat_simulator.workspace.documents import Document, to_iso
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.oauth_errors import OAuthRefusedError, make_invalid_request
from rocketchat_simulator.workspace.oauth_provider import TokenPair
from rocketchat_simulator.workspace.workspace import Workspace

_FORM: Final = "application/x-www-form-urlencoded"
_NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

LogRequest = Callable[[web.Request, str | None, int], None]


class OAuthServer:
    """Serves the provider; ``note`` is told of each request, its user and status."""

    def __init__(self, workspace: Workspace, pages: ConsentPages, note: LogRequest) -> None:
        self._workspace: Final = workspace
        self._pages: Final = pages
        self._note: Final = note

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve everything under ``/oauth/``."""
        router.add_get("/oauth/authorize", self.ask)
        router.add_post("/oauth/authorize", self.take_answer)
        router.add_route("*", "/oauth/token", self.grant)
        router.add_get("/oauth/userinfo", self.tell_user)
        router.add_get("/oauth/error/{kind}", self._pages.show_error)
        router.add_post("/demo/sign-in", self._pages.sign_in)

    async def ask(self, request: web.Request) -> web.Response:
        """Show the consent page, or why there is none."""
        app = self._workspace.oauth.apps.find_active(request.query.get("client_id", ""))
        if app is None:
            return web.Response(status=302, headers={"Location": "/oauth/error/404"})
        address = request.query.get("redirect_uri")
        if address is not None and address not in app.redirect_uris:
            location = "/oauth/error/invalid_redirect_uri"
            return web.Response(status=302, headers={"Location": location})
        return self._pages.show(request, app)

    async def take_answer(self, request: web.Request) -> web.Response:
        """Take what the consent page sent; only a yes leads back to the application."""
        form = await _read_form(request)
        user = self._find_user(form.read("access_token") or form.read("token"))
        response = self._answer_consent(form, user)
        self._note(request, user.id if user else None, response.status)
        return response

    async def grant(self, request: web.Request) -> web.Response:
        """Exchange a code or a refresh token."""
        form = await _read_form(request)
        user_id = None
        try:
            if request.method != "POST":
                raise make_invalid_request("Invalid request: method must be POST")
            pair = grant_tokens(self._workspace.oauth, form)
        except OAuthRefusedError as refusal:
            response = _answer_refusal(refusal)
        else:
            user_id = pair.user_id
            response = _answer_json(_show_pair(pair, self._workspace.now()), headers=_NOT_STORED)
        self._note(request, user_id, response.status)
        return response

    async def tell_user(self, request: web.Request) -> web.Response:
        """Tell whose an access token is, expired ones included."""
        header = request.headers.get("Authorization")
        user = self._workspace.oauth.user_of_any_bearer(header or "")
        if user is None:
            text = "No token" if header is None else "Invalid Token"
            response = web.Response(status=401, text=text, content_type="text/html")
        else:
            response = _answer_json(_show_user(user, f"{request.scheme}://{request.host}"))
        self._note(request, user.id if user else None, response.status)
        return response

    def _find_user(self, token: str) -> User | None:
        return self._workspace.user_of_token(token) if token else None

    def _answer_consent(self, form: OAuthRequest, user: User | None) -> web.Response:
        if form.form.get("allow") != "yes":
            text = "The user denied access to your application"
            return _answer_refusal(OAuthRefusedError(401, "access_denied", text))
        if user is None:
            has_token = form.form.get("access_token") or form.form.get("token")
            text = "Invalid token" if has_token else "No token"
            return web.Response(status=401, text=text, content_type="text/html")
        try:
            location = authorize(self._workspace.oauth, form, user)
        except OAuthRefusedError as refusal:
            return _answer_refusal(refusal)
        text = f"Found. Redirecting to {location}"
        return web.Response(status=302, text=text, headers={"Location": location})


async def _read_form(request: web.Request) -> OAuthRequest:
    """Read a form; for other kinds of bodies the server takes the address's query instead."""
    sent = await request.post() if request.content_type == _FORM else request.query
    form = {name: value for name, value in sent.items() if isinstance(value, str)}
    return OAuthRequest(form, request.query, request.headers.get("Authorization", ""))


def _show_pair(pair: TokenPair, now: datetime) -> Document:
    # Rounded down after the answer took its time: real servers say 3599.
    seconds = int((pair.expires_at - now).total_seconds()) - 1
    shown: Document = {"access_token": pair.access_token, "token_type": "Bearer"}
    return shown | {"expires_in": seconds, "refresh_token": pair.refresh_token}


def _show_user(user: User, site: str) -> Document:
    shown: Document = {"sub": user.id, "name": user.name, "email": user.email}
    shown |= {"email_verified": not user.is_installer, "department": "", "birthdate": ""}
    # The server's own spelling.
    shown |= {"preffered_username": user.username, "updated_at": to_iso(user.updated_at)}
    return shown | {"picture": f"{site}/avatar/{user.username}"}


def _answer_refusal(refusal: OAuthRefusedError) -> web.Response:
    body = {"error": refusal.error, "error_description": refusal.description}
    return _answer_json(body, status=refusal.status)


def _answer_json(
    body: Document, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
