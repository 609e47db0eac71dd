"""Checks of what lies between the bot, the workspace and people's browsers."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr

from bot.admin.check_result import CheckResult, make_ok, make_problem, make_warning
from bot.admin.check_workspace import is_local
from bot.admin.http_probe import fetch_metrics, open_stand_in, visit
from bot.config import Settings
from bot.errors import GrantRefusedError, RefusedError, UnreachableError, WorkspaceError
from bot.rocketchat.client import RestClient
from bot.rocketchat.inspection import fetch_redirect_uris
from bot.rocketchat.oauth import OAuthClient, open_oauth

_NO_CODE: Final = SecretStr("session-bot-check-no-code")
_ALLOWED: Final = re.compile(
    r'^session_bot_rate_limit_allowed\{route="GET v1/sessions/list"\} (\d+)', re.MULTILINE
)


async def check_oauth(
    rest: RestClient, settings: Settings, patience: float
) -> AsyncIterator[CheckResult]:
    """Ask whether the workspace knows the application, and where it sends people back."""
    callback = f"{settings.web.public_url}/oauth/callback"
    if not settings.oauth.client_id:
        yield make_ok("oauth", "not set: people connect by pasting a personal access token")
        return
    finding = await _check_client(settings, callback, patience)
    yield finding
    try:
        addresses = await fetch_redirect_uris(rest, settings.oauth.client_id)
    except WorkspaceError:
        return
    if addresses and callback not in addresses:
        words = f"the application sends people back to {', '.join(addresses)}, not to {callback}"
        yield make_problem("oauth", words, "Correct its redirect URI, or [web] public_url")


async def _check_client(settings: Settings, callback: str, patience: float) -> CheckResult:
    client = OAuthClient(settings.oauth.client_id, settings.oauth.client_secret, callback)
    opening = open_oauth(settings.workspace.url, client, now=_now, timeout_s=patience)
    try:
        async with opening as oauth:
            await oauth.exchange(_NO_CODE)
    except GrantRefusedError:
        # What a workspace says that knows the application, and not the code.
        return make_ok("oauth", "the workspace knows the application")
    except RefusedError as error:
        remedy = "Compare [oauth] with Administration, Third-party login; is it active there?"
        return make_problem("oauth", str(error), remedy)
    except WorkspaceError as error:
        return make_warning("oauth", f"it could not be tried: {error}", "Try again")
    return make_warning("oauth", "the workspace takes a made-up code")


async def check_public_url(settings: Settings, patience: float) -> AsyncIterator[CheckResult]:
    """Come as a browser would; a stand-in answers where no bot runs."""
    web = settings.web
    if not web.public_url.startswith("https:") and not is_local(web.public_url):
        words = f"{web.public_url} is not https, and people paste tokens there"
        yield make_warning("public url", words, "Put a reverse proxy with https in front")
    async with open_stand_in(web.host, web.port) as sign:
        yield await _visit(settings, sign, patience)


async def _visit(settings: Settings, sign: str, patience: float) -> CheckResult:
    url = settings.web.public_url
    here = f"{settings.web.host}:{settings.web.port}"
    remedy = f"Correct [web] public_url, or let the reverse proxy pass it on to {here}"
    try:
        greeting = await visit(url, timeout=patience)
    except UnreachableError as error:
        words = f"{url} cannot be reached from this machine: {error}"
        return make_warning("public url", words, f"If browsers cannot either: {remedy}")
    if not greeting.is_bot:
        words = f"at {url} answers something else (HTTP {greeting.status})"
        return make_problem("public url", words, remedy)
    if greeting.sign != sign:
        return make_problem("public url", f"{url} leads to another bot than {here}", remedy)
    running = "" if sign else "; a bot is running there"
    return make_ok("public url", f"{url} leads here{running}")


async def find_limit(
    rest: RestClient, settings: Settings, patience: float
) -> tuple[CheckResult, int | None]:
    """Find what the workspace allows to people: from a running bot, or from headers."""
    web = settings.web
    host = f"[{web.host}]" if ":" in web.host else web.host
    shown = _ALLOWED.search(await fetch_metrics(f"http://{host}:{web.port}", timeout=patience))
    if shown:
        limit = int(shown[1])
        return make_ok(
            "rate limit", f"{limit} calls a minute and route, says the running bot"
        ), limit
    allowed = rest.rate_limiter.limits.values()
    if allowed:
        words = f"{min(allowed)} calls a minute and route, the bot's own among them"
        return make_ok("rate limit", words), min(allowed)
    words = "the bot's own calls are not counted; people's show how many are allowed: 10 by default"
    return make_ok("rate limit", words), None


def _now() -> datetime:
    return datetime.now(UTC)
