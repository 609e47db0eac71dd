"""Checks of what lies between the bot, the workspace and people's browsers."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.admin.checks.http_probe import (
    fetch_health_page,
    fetch_metrics,
    is_bot_listening,
    serve_placeholder,
)
from bot.admin.checks.result import CheckResult, Level, make_ok, make_problem, make_warning
from bot.config import OAuthSettings, Settings
from bot.errors import (
    ConfigError,
    GrantRefusedError,
    RefusedError,
    UnreachableError,
    WorkspaceError,
)
from bot.rocketchat.client import RestClient
from bot.rocketchat.inspection import fetch_redirect_uris
from bot.rocketchat.network import is_this_machine
from bot.rocketchat.oauth import OAuthClient, open_oauth
from bot.web.server import open_socket

_MADE_UP_CODE: Final = SecretStr("session-bot-check-no-code")
_ALLOWED: Final = re.compile(
    r'^session_bot_rate_limit_allowed\{route="GET v1/sessions/list"\} (\d+)', re.MULTILINE
)


async def check_oauth(
    rest: RestClient, settings: Settings, timeout_s: float
) -> AsyncIterator[CheckResult]:
    """Check that the workspace knows the OAuth application and its redirect URI."""
    own, workspace, public_url = settings.oauth, settings.workspace, settings.web.public_url
    if not own.client_id:
        yield make_ok("oauth", "not set: people connect by pasting a personal access token")
        return
    yield await check_oauth_client(workspace.url, own, public_url, timeout_s, workspace.ca_file)
    try:
        registered = await fetch_redirect_uris(rest, own.client_id)
    except WorkspaceError:
        return
    redirect_uri = format_redirect_uri(public_url)
    if registered and redirect_uri not in registered:
        text = f"the application redirects to {', '.join(registered)}, not to {redirect_uri}"
        yield make_problem("oauth", text, "Correct its redirect URI, or [web] public_url")


def format_redirect_uri(public_url: str) -> str:
    """Return the address at which browsers come back from the consent page."""
    return f"{public_url}/oauth/callback"


async def check_oauth_client(
    url: str,
    settings: OAuthSettings,
    public_url: str,
    timeout_s: float,
    ca_file: Path | None = None,
) -> CheckResult:
    """Check that the workspace at ``url`` knows the OAuth application, and its secret."""
    redirect_uri = format_redirect_uri(public_url)
    client = OAuthClient(settings.client_id, settings.client_secret, redirect_uri)
    connecting = open_oauth(url, client, now=_now, timeout_s=timeout_s, ca_file=ca_file)
    try:
        async with connecting as oauth:
            await oauth.exchange(_MADE_UP_CODE)
    except GrantRefusedError:
        # The answer of a workspace that accepts the client and refuses the made-up code.
        return make_ok("oauth", "the workspace knows the application")
    except RefusedError as error:
        remedy = "Compare [oauth] with Administration, Third-party login; is it active there?"
        return make_problem("oauth", str(error), remedy)
    except WorkspaceError as error:
        return make_warning("oauth", f"it could not be checked: {error}", "Try again")
    return make_warning("oauth", "the workspace accepts a made-up code")


async def check_public_url(settings: Settings, timeout_s: float) -> AsyncIterator[CheckResult]:
    """Request the public URL as a browser would; a placeholder answers where no bot runs."""
    web = settings.web
    https = check_https(web.public_url)
    if https.level is not Level.OK:
        yield https
    async with AsyncExitStack() as stack:
        nonce = ""
        with suppress(ConfigError):
            nonce = await stack.enter_async_context(serve_placeholder(web.host, web.port))
        yield await _check_health_page(settings, nonce, timeout_s)


async def check_own_port(settings: Settings, timeout_s: float) -> CheckResult:
    """Check that the bot can listen on its port, or a bot does already."""
    host, port = settings.web.host, settings.web.port
    result = check_port(host, port)
    if result.level is not Level.OK and await is_bot_listening(host, port, timeout_s):
        return make_ok("port", f"a bot listens on {host}:{port}")
    return result


def check_port(host: str, port: int) -> CheckResult:
    """Check that the bot can listen there, which is not so while one does."""
    try:
        open_socket(host, port).close()
    except ConfigError as error:
        return make_problem("port", str(error))
    return make_ok("port", f"{host}:{port} is free" if port else "any free one")


def check_https(public_url: str) -> CheckResult:
    """Check that a token that is pasted at the public URL cannot be read on the way."""
    if urlsplit(public_url).scheme == "https" or is_this_machine(public_url):
        return make_ok("public url", public_url)
    text = f"{public_url} is not https, and people paste tokens there"
    return make_warning("public url", text, "Put a reverse proxy with https in front")


async def _check_health_page(settings: Settings, nonce: str, timeout_s: float) -> CheckResult:
    url = settings.web.public_url
    here = f"{settings.web.host}:{settings.web.port}"
    remedy = f"Correct [web] public_url, or let the reverse proxy pass it on to {here}"
    try:
        page = await fetch_health_page(url, timeout_s, settings.workspace.ca_file)
    except UnreachableError as error:
        text = f"{url} cannot be reached from this machine: {error}"
        return make_warning("public url", text, f"If browsers cannot reach it either: {remedy}")
    if not page.is_bot:
        text = f"at {url}, something else answers (HTTP {page.status})"
        return make_problem("public url", text, remedy)
    if page.nonce != nonce:
        return make_problem("public url", f"{url} leads to another bot than {here}", remedy)
    running = "" if nonce else "; a bot is running there"
    return make_ok("public url", f"{url} leads here{running}")


async def check_rate_limit(
    rest: RestClient, settings: Settings, timeout_s: float
) -> tuple[CheckResult, int | None]:
    """Find out how many calls a minute and route people have, None where that is unknown.

    Taken from a running bot's metrics, else from the headers of this check's own responses.
    """
    metrics = await fetch_metrics(settings.web.host, settings.web.port, timeout_s)
    if found := _ALLOWED.search(metrics):
        limit = int(found[1])
        text = f"{limit} calls a minute and route, says the running bot"
        return make_ok("rate limit", text), limit
    if allowed := rest.rate_limiter.limits.values():
        limit = min(allowed)
        text = f"{limit} calls a minute and route, including the bot's own"
        return make_ok("rate limit", text), limit
    text = "the bot's own calls are not counted; people's are: 10 a minute and route by default"
    return make_ok("rate limit", text), None


def _now() -> datetime:
    return datetime.now(UTC)
