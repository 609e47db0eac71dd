"""The connection page: shows the form, takes the token, says how it went.

Opening the page changes nothing, because Rocket.Chat itself fetches links for previews. The form
can be sent only by the browser that opened it: a cookie and a hidden field must fit together.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from pydantic import SecretStr

from bot.errors import (
    BotError,
    NotLicensedError,
    RateLimitedError,
    RequestExpiredError,
    TokenRefusedError,
    UnreachableError,
    UnsafeWorkspaceError,
    WrongAccountError,
)
from bot.models import AuthToken
from bot.services.connections import Attempt, Connections
from bot.web.pages import Pages

_COOKIE: Final = "connecting_browser"
_COOKIE_SECONDS: Final = 3600
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
_USER_ID: Final = re.compile(r"[A-Za-z0-9]{5,40}")

_PROBLEMS: Final[dict[type[BotError], tuple[str, int]]] = {
    RequestExpiredError: ("expired", 410),
    TokenRefusedError: ("token refused", 422),
    WrongAccountError: ("wrong account", 403),
    UnsafeWorkspaceError: ("unsafe workspace", 502),
    RateLimitedError: ("busy", 503),
    UnreachableError: ("unreachable", 502),
    NotLicensedError: ("not licensed", 502),
}


@dataclass(frozen=True, slots=True)
class _Form:
    secret: SecretStr
    user_id: str = ""
    flaw: str = ""
    problem: str = ""


class ConnectionPages:
    """Serves ``/connect/<secret>``."""

    def __init__(self, connections: Connections, pages: Pages, *, is_https: bool) -> None:
        self._connections: Final = connections
        self._pages: Final = pages
        self._is_https: Final = is_https

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the form and what it sends."""
        router.add_get("/connect/{secret}", self.show_form)
        router.add_post("/connect/{secret}", self.take_token)

    async def show_form(self, request: web.Request) -> web.Response:
        """Show the form, or that the link is no longer good."""
        secret = SecretStr(request.match_info["secret"])
        try:
            await self._connections.check_request(secret)
        except RequestExpiredError as problem:
            return self._show_problem(problem)
        return self._show_form(request, _Form(secret))

    async def take_token(self, request: web.Request) -> web.Response:
        """Take what the form sent; the request is used up by this, well or not."""
        secret = SecretStr(request.match_info["secret"])
        form = await request.post()
        if not self._is_same_browser(request, secret, str(form.get("browser", ""))):
            return self._pages.show("other_browser", status=403, secret=secret.get_secret_value())
        user_id, token = (str(form.get(name, "")).strip() for name in ("user_id", "token"))
        flaw = _find_flaw(user_id, token)
        if flaw:
            return self._show_form(request, _Form(secret, user_id, flaw), 422)
        attempt = await self._connections.connect(secret, AuthToken(user_id, SecretStr(token)))
        return self._show_outcome(request, attempt, user_id)

    def _show_outcome(self, request: web.Request, attempt: Attempt, user_id: str) -> web.Response:
        if attempt.problem is None:
            return self._pages.show("connected")
        if attempt.retry is None:
            return self._show_problem(attempt.problem)
        problem, status = _name_problem(attempt.problem)
        form = _Form(attempt.retry, user_id, problem=problem)
        return self._show_form(request, form, status)

    def _show_problem(self, error: BotError) -> web.Response:
        problem, status = _name_problem(error)
        return self._pages.show("problem", status=status, problem=problem)

    def _show_form(self, request: web.Request, form: _Form, status: int = 200) -> web.Response:
        browser = request.cookies.get(_COOKIE) or secrets.token_urlsafe(32)
        response = self._pages.show(
            "connect",
            status=status,
            secret=form.secret.get_secret_value(),
            browser=_bind(browser, form.secret),
            problem=form.problem,
            flaw=form.flaw,
            user_id=form.user_id,
        )
        response.set_cookie(
            _COOKIE,
            browser,
            path="/connect",
            max_age=_COOKIE_SECONDS,
            httponly=True,
            secure=self._is_https,
            # Lax: people come from a link in the chat, which Strict would take for a new browser.
            samesite="Lax",
        )
        return response

    def _is_same_browser(self, request: web.Request, secret: SecretStr, sent: str) -> bool:
        cookie = request.cookies.get(_COOKIE, "")
        bound = _bind(cookie, secret)
        return bool(cookie) and hmac.compare_digest(bound.encode(), sent.encode())


def _bind(browser: str, secret: SecretStr) -> str:
    return hashlib.sha256(f"{browser}\n{secret.get_secret_value()}".encode()).hexdigest()


def _name_problem(error: BotError) -> tuple[str, int]:
    return _PROBLEMS.get(type(error), ("no sense", 502))


def _find_flaw(user_id: str, token: str) -> str:
    if not _USER_ID.fullmatch(user_id):
        return "user id"
    return "" if _TOKEN.fullmatch(token) else "token"
