"""The connection page's addresses: the form, and what comes from it.

Opening the page changes nothing, because Rocket.Chat itself fetches links for previews. The form
can be sent only by the browser that opened it: a cookie and a hidden field must fit together.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from pydantic import SecretStr

from bot.errors import (
    BearerIgnoredError,
    BotError,
    GrantRefusedError,
    OtherBrowserError,
    RateLimitedError,
    RefusedError,
    RequestExpiredError,
    TokenRefusedError,
    UnreachableError,
    UnsafeWorkspaceError,
    WrongAccountError,
)
from bot.features.accounts.linking import AccountLinking, LinkingResult
from bot.models import AuthToken
from bot.web.browser_cookies import BrowserCookies
from bot.web.templating import Pages

_PROBLEMS: Final[dict[type[BotError], tuple[str, int]]] = {
    RequestExpiredError: ("expired", 410),
    TokenRefusedError: ("token refused", 422),
    GrantRefusedError: ("permission used up", 422),
    BearerIgnoredError: ("permission ignored", 502),
    WrongAccountError: ("wrong account", 403),
    OtherBrowserError: ("other browser", 403),
    UnsafeWorkspaceError: ("unsafe workspace", 502),
    RateLimitedError: ("busy", 503),
    RefusedError: ("set up wrongly", 502),
    UnreachableError: ("unreachable", 502),
}


@dataclass(frozen=True, slots=True)
class Form:
    """What the page shows: for which link, what was typed before, and what was wrong with it.

    ``wait`` is in how many seconds it may be tried again.
    """

    secret: SecretStr
    user_id: str = ""
    flaw: str = ""
    problem: str = ""
    wait: int = 0


class LinkingForm:
    """Shows the form, an outcome or a problem."""

    def __init__(self, connections: AccountLinking, pages: Pages, browsers: BrowserCookies) -> None:
        self._connections: Final = connections
        self._pages: Final = pages
        self._browsers: Final = browsers

    async def show(self, request: web.Request, form: Form, status: int = 200) -> web.Response:
        """Show the form to this browser, which keeps a cookie."""
        browser = self._browsers.find(request) or self._browsers.make()
        ways = await self._connections.find_ways()
        response = self._pages.show(
            "connect",
            status=status,
            leads_to_workspace=ways == "both",
            ways=ways,
            secret=form.secret.get_secret_value(),
            browser=self._browsers.make_field(browser, form.secret),
            problem=form.problem,
            wait=form.wait,
            flaw=form.flaw,
            user_id=form.user_id,
        )
        self._browsers.keep(response, browser)
        return response

    async def show_outcome(
        self, request: web.Request, attempt: LinkingResult, user_id: str = ""
    ) -> web.Response:
        """Say how an attempt to connect ended; where it may be repeated, show the form again."""
        if attempt.problem is None:
            return self._pages.show("connected")
        if attempt.retry is None:
            return self.show_problem(attempt.problem)
        problem, status = _name_problem(attempt.problem)
        form = Form(attempt.retry, user_id, problem=problem, wait=_find_wait(attempt.problem))
        return await self.show(request, form, status)

    def show_problem(self, error: BotError) -> web.Response:
        """Say what was wrong, and how to begin again."""
        problem, status = _name_problem(error)
        wait = _find_wait(error)
        return self._pages.show("problem", status=status, problem=problem, wait=wait)

    def show_other_browser(self, secret: SecretStr) -> web.Response:
        """Say that this browser did not open the form, and offer to open it."""
        return self._pages.show("other_browser", status=403, secret=secret.get_secret_value())


def _name_problem(error: BotError) -> tuple[str, int]:
    return _PROBLEMS.get(type(error), ("no sense", 502))


def _find_wait(error: BotError) -> int:
    return math.ceil(error.retry_after) if isinstance(error, RateLimitedError) else 0


_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
_USER_ID: Final = re.compile(r"[A-Za-z0-9]{5,40}")
_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{10,200}")


class ConnectionPages:
    """Serves ``/connect/<secret>`` and ``/oauth/callback``."""

    def __init__(
        self, connections: AccountLinking, page: LinkingForm, browsers: BrowserCookies
    ) -> None:
        self._connections: Final = connections
        self._page: Final = page
        self._browsers: Final = browsers

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the form and what it sends, and those who come back from the workspace."""
        router.add_get("/connect/{secret}", self.show_form)
        router.add_post("/connect/{secret}", self.take_token)
        router.add_post("/connect/{secret}/oauth", self.set_out)
        # Not for HEAD: something that only looks must not use the code up.
        router.add_get("/oauth/callback", self.come_back, allow_head=False)

    async def show_form(self, request: web.Request) -> web.Response:
        """Show the form, or that the link is no longer good."""
        secret = _read_secret(request)
        try:
            await self._connections.check_request(secret)
        except RequestExpiredError as problem:
            return self._page.show_problem(problem)
        return await self._page.show(request, Form(secret))

    async def take_token(self, request: web.Request) -> web.Response:
        """Take a pasted token; the request is used up by this, well or not."""
        secret, form = _read_secret(request), await request.post()
        if not self._browsers.is_same(request, secret, str(form.get("browser", ""))):
            return self._page.show_other_browser(secret)
        user_id, token = (str(form.get(name, "")).strip() for name in ("user_id", "token"))
        flaw = _find_flaw(user_id, token)
        if flaw:
            return await self._page.show(request, Form(secret, user_id, flaw), 422)
        attempt = await self._connections.connect(secret, AuthToken(user_id, SecretStr(token)))
        return await self._page.show_outcome(request, attempt, user_id)

    async def set_out(self, request: web.Request) -> web.Response:
        """Send the browser to the workspace's consent page; nobody else may come back from it."""
        secret, form = _read_secret(request), await request.post()
        browser = self._browsers.find(request)
        is_same = self._browsers.is_same(request, secret, str(form.get("browser", "")))
        if browser is None or not is_same:
            return self._page.show_other_browser(secret)
        try:
            address = await self._connections.set_out(secret, browser)
        except (RequestExpiredError, BearerIgnoredError) as problem:
            return self._page.show_problem(problem)
        return web.Response(status=303, headers={"Location": address})

    async def come_back(self, request: web.Request) -> web.Response:
        """Take the code with which the workspace sends people back."""
        state, code = (request.query.get(name, "") for name in ("state", "code"))
        if not _STATE.fullmatch(state):
            raise web.HTTPBadRequest(reason="This is no way back from your workspace")
        secret, browser = SecretStr(state), self._browsers.find(request)
        if not _CODE.fullmatch(code):
            return await self._show_refusal(request, secret)
        attempt = await self._connections.come_back(
            secret, browser or self._browsers.make(), SecretStr(code)
        )
        return await self._page.show_outcome(request, attempt)

    async def _show_refusal(self, request: web.Request, secret: SecretStr) -> web.Response:
        """Show the form again to somebody who comes back without a code."""
        try:
            await self._connections.check_request(secret)
        except RequestExpiredError as problem:
            return self._page.show_problem(problem)
        return await self._page.show(request, Form(secret, problem="not allowed"), 403)


def _read_secret(request: web.Request) -> SecretStr:
    return SecretStr(request.match_info["secret"])


def _find_flaw(user_id: str, token: str) -> str:
    if not _USER_ID.fullmatch(user_id):
        return "user id"
    return "" if _TOKEN.fullmatch(token) else "token"
