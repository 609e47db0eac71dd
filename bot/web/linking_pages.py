"""The pages on which people link their account: ``/connect/<secret>`` and ``/oauth/callback``.

Opening a page changes nothing, because Rocket.Chat itself fetches links for previews. A form is
accepted only from the browser that opened it: cookie and hidden field must match.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

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
from bot.features.accounts.linking import AccountLinking, LinkingMethods, LinkingResult
from bot.models import AuthToken
from bot.web.browser_cookies import BrowserCookies
from bot.web.templating import Pages

# What problems.html calls each error, and the HTTP status.
_PROBLEMS: Final[dict[type[BotError], tuple[str, int]]] = {
    RequestExpiredError: ("expired", 410),
    TokenRefusedError: ("token_refused", 422),
    GrantRefusedError: ("grant_refused", 422),
    BearerIgnoredError: ("bearer_ignored", 502),
    WrongAccountError: ("wrong_account", 403),
    OtherBrowserError: ("other_browser", 403),
    UnsafeWorkspaceError: ("unsafe_workspace", 502),
    RateLimitedError: ("rate_limited", 503),
    RefusedError: ("client_refused", 502),
    UnreachableError: ("unreachable", 502),
}
_UNEXPECTED: Final = ("unexpected_answer", 502)

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
_USER_ID: Final = re.compile(r"[A-Za-z0-9]{5,40}")
_STATE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{10,200}")


@dataclass(frozen=True, slots=True)
class LinkingForm:
    """The state of the form: its link, what was typed before, and what was wrong with it.

    ``invalid_field`` is ``user_id``, ``token`` or empty; ``problem`` is a name in problems.html;
    ``retry_after_s`` is how long to wait before trying again.
    """

    secret: SecretStr
    user_id: str = ""
    invalid_field: str = ""
    problem: str = ""
    retry_after_s: int = 0


class LinkingPages:
    """Serves the linking form, accepts what it sends, and shows the result."""

    def __init__(self, linking: AccountLinking, pages: Pages, public_url: str) -> None:
        self._linking: Final = linking
        self._pages: Final = pages
        self._cookies: Final = BrowserCookies(is_https=urlsplit(public_url).scheme == "https")

    def add_routes(self, router: web.UrlDispatcher, root: str) -> None:
        """Add, below the path ``root``, the form, its two ways to submit, and the redirect URI."""
        router.add_get(root + "/connect/{secret}", self.show_form)
        router.add_post(root + "/connect/{secret}", self.submit_token)
        router.add_post(root + "/connect/{secret}/oauth", self.start_oauth)
        # Not for HEAD: a link preview must not use up the code.
        router.add_get(root + "/oauth/callback", self.finish_oauth, allow_head=False)

    async def show_form(self, request: web.Request) -> web.Response:
        """Show the form, or that the link is no longer valid."""
        return await self._show_valid_form(request, LinkingForm(_get_secret(request)), 200)

    async def submit_token(self, request: web.Request) -> web.Response:
        """Link the account with a pasted token; this uses up the link, whatever the result."""
        secret, fields = _get_secret(request), await _read_form(request)
        if not self._cookies.is_same_browser(request, secret, fields.get("browser", "")):
            return self._show_other_browser(request, secret)
        user_id, token = (fields.get(name, "").strip() for name in ("user_id", "token"))
        invalid_field = _find_invalid_field(user_id, token)
        if invalid_field:
            return await self._show_form(request, LinkingForm(secret, user_id, invalid_field), 422)
        result = await self._linking.connect(secret, AuthToken(user_id, SecretStr(token)))
        return await self._show_result(request, result, user_id)

    async def start_oauth(self, request: web.Request) -> web.Response:
        """Redirect to the workspace's consent page; only this browser may return from it."""
        secret, fields = _get_secret(request), await _read_form(request)
        browser = self._cookies.find(request)
        field = fields.get("browser", "")
        if browser is None or not self._cookies.is_same_browser(request, secret, field):
            return self._show_other_browser(request, secret)
        try:
            consent_url = await self._linking.start_oauth(secret, browser)
        except (RequestExpiredError, BearerIgnoredError) as error:
            return self._show_problem(request, error)
        return web.Response(status=303, headers={"Location": consent_url})

    async def finish_oauth(self, request: web.Request) -> web.Response:
        """Link the account with the code that the workspace's redirect carries."""
        state, code = (request.query.get(name, "") for name in ("state", "code"))
        if not _STATE.fullmatch(state):
            raise web.HTTPBadRequest(reason="This address does not come from your workspace.")
        secret, browser = SecretStr(state), self._cookies.find(request)
        if not _CODE.fullmatch(code):
            # Without a code the person did not allow access.
            return await self._show_valid_form(
                request, LinkingForm(secret, problem="not_allowed"), 403
            )
        result = await self._linking.finish_oauth(
            secret, browser or self._cookies.make(), SecretStr(code)
        )
        return await self._show_result(request, result)

    async def _show_result(
        self, request: web.Request, result: LinkingResult, user_id: str = ""
    ) -> web.Response:
        """Show success or the problem; where another try is allowed, show the form again."""
        if result.problem is None:
            return self._pages.render(request, "connected", language=result.language)
        if result.retry is None:
            return self._show_problem(request, result.problem)
        problem, status = _name_problem(result.problem)
        wait = _get_retry_after_s(result.problem)
        form = LinkingForm(result.retry, user_id, problem=problem, retry_after_s=wait)
        return await self._show_form(request, form, status)

    async def _show_valid_form(
        self, request: web.Request, form: LinkingForm, status: int
    ) -> web.Response:
        try:
            await self._linking.check_request(form.secret)
        except RequestExpiredError as error:
            return self._show_problem(request, error)
        return await self._show_form(request, form, status)

    async def _show_form(
        self, request: web.Request, form: LinkingForm, status: int
    ) -> web.Response:
        browser = self._cookies.find(request) or self._cookies.make()
        methods = await self._linking.find_methods()
        response = self._pages.render(
            request,
            "connect",
            status=status,
            may_submit_to_workspace=methods is LinkingMethods.OAUTH_OR_TOKEN,
            methods=methods,
            secret=form.secret.get_secret_value(),
            browser=self._cookies.make_form_field(browser, form.secret),
            problem=form.problem,
            retry_after_s=form.retry_after_s,
            invalid_field=form.invalid_field,
            user_id=form.user_id,
        )
        self._cookies.save(response, browser)
        return response

    def _show_problem(self, request: web.Request, error: BotError) -> web.Response:
        problem, status = _name_problem(error)
        wait = _get_retry_after_s(error)
        return self._pages.render(
            request, "not_connected", status=status, problem=problem, retry_after_s=wait
        )

    def _show_other_browser(self, request: web.Request, secret: SecretStr) -> web.Response:
        return self._pages.render(
            request, "other_browser", status=403, secret=secret.get_secret_value()
        )


def _name_problem(error: BotError) -> tuple[str, int]:
    return _PROBLEMS.get(type(error), _UNEXPECTED)


def _get_retry_after_s(error: BotError) -> int:
    return math.ceil(error.retry_after) if isinstance(error, RateLimitedError) else 0


def _get_secret(request: web.Request) -> SecretStr:
    return SecretStr(request.match_info["secret"])


async def _read_form(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form as our pages send it."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPBadRequest(reason="This is not the form of this page.")
    try:
        fields = await request.post()
    except (ValueError, LookupError):  # bytes that are not text, or of an unknown encoding
        raise web.HTTPBadRequest(reason="This form cannot be read.") from None
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _find_invalid_field(user_id: str, token: str) -> str:
    if not _USER_ID.fullmatch(user_id):
        return "user_id"
    return "" if _TOKEN.fullmatch(token) else "token"
