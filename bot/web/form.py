"""The one page where people choose how to connect, and the pages that say how it went."""

import math
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
from bot.services.connections import Attempt, Connections
from bot.web.browsers import Browsers
from bot.web.pages import Pages

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


class FormPage:
    """Shows the form, an outcome or a problem."""

    def __init__(self, connections: Connections, pages: Pages, browsers: Browsers) -> None:
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
        self, request: web.Request, attempt: Attempt, user_id: str = ""
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
