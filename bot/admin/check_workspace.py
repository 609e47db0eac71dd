"""Checks of the workspace, asked as the bot."""

import re
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from bot.admin.check_result import CheckResult, make_ok, make_problem, make_warning
from bot.errors import (
    TokenRejectedError,
    UnsafeWorkspaceError,
    WorkspaceError,
)
from bot.features.accounts.linking import reject_forged_token
from bot.models import AuthToken
from bot.rocketchat.client import RestClient
from bot.rocketchat.inspection import fetch_roles, find_room, has_device_management
from bot.rocketchat.realtime import RealtimeSettings
from bot.rocketchat.realtime.client import try_connect

_OLDEST: Final = (6, 5)
_NEWEST: Final = (8, 8)
_FIRST_DEAF: Final = (7, 5)
_FIRST_CURED: Final = (7, 14)
_NEW_TOKEN: Final = (
    "Sign in to Rocket.Chat as the bot, make a personal access token (profile, Personal Access"  # noqa: S105 - no token
    " Tokens), and put it and the user id that is shown with it into [workspace]"
)


async def check_reach(rest: RestClient, url: str) -> tuple[CheckResult, str]:
    """Ask for the version, which needs no token; empty where the workspace is not there."""
    remedy = f"Is [workspace] url right, and can this machine get to it? Try: curl {url}/api/info"
    try:
        version = await rest.fetch_version()
    except WorkspaceError as error:
        return make_problem("reach", str(error), remedy), ""
    if urlsplit(url).scheme == "http" and not is_local(url):
        words = f"{url} answers, but without https: tokens travel readable for everybody between"
        return make_warning("reach", words, "Use https"), version
    return make_ok("reach", f"{url} answers"), version


def check_version(version: str, *, has_oauth: bool) -> CheckResult:
    """Compare the version, as in ``8.3``, with those that were tried."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    label = f"Rocket.Chat {version}"
    if numbers < _OLDEST:
        return make_warning("version", f"{label} is older than 6.5, the oldest that was tried")
    if _FIRST_DEAF <= numbers < _FIRST_CURED and has_oauth:
        words = f"{label} gives out OAuth tokens and ignores them over REST, as 7.5 to 7.13 do"
        return make_warning("version", words, "People are asked to paste a token instead")
    if numbers > _NEWEST:
        return make_ok("version", f"{label}, newer than 8.8, the newest that was tried")
    return make_ok("version", label)


async def check_login(rest: RestClient, token: AuthToken) -> CheckResult:
    """Ask who the bot is."""
    try:
        user = await rest.fetch_user(token)
    except TokenRejectedError:
        return make_problem("login", "the workspace refuses the bot's token", _NEW_TOKEN)
    except WorkspaceError as error:
        return make_problem("login", str(error), "Try again; is there a proxy that answers?")
    return make_ok("login", f"signed in as {user.username}")


async def check_listening(url: str, token: AuthToken, patience: float) -> CheckResult:
    """Open the websocket that the bot hears by."""
    limits = RealtimeSettings(connect_timeout_s=patience, call_timeout_s=patience)
    try:
        await try_connect(url, token, limits)
    except TokenRejectedError as error:
        return make_problem("listening", str(error), _NEW_TOKEN)
    except WorkspaceError as error:
        remedy = "A reverse proxy before the workspace must pass websockets on, at /websocket"
        return make_problem("listening", str(error), remedy)
    return make_ok("listening", "the realtime API lets the bot listen")


async def check_account(rest: RestClient, token: AuthToken) -> AsyncIterator[CheckResult]:
    """Look at what the bot may, and whether the workspace tells real tokens from made-up ones."""
    yield await _check_roles(rest)
    try:
        await reject_forged_token(rest, token)
    except UnsafeWorkspaceError:
        yield make_problem(
            "proof",
            "the workspace answers to made-up tokens, so nobody can connect safely",
            "Turn off Administration, Settings, Accounts, Allow Anonymous Read",
        )
    except WorkspaceError as error:
        yield make_warning("proof", f"made-up tokens could not be tried: {error}", "Try again")
    else:
        yield make_ok("proof", "made-up tokens are refused")
    yield await _check_licence(rest)


async def _check_roles(rest: RestClient) -> CheckResult:
    try:
        roles = await fetch_roles(rest)
    except WorkspaceError as error:
        return make_warning("roles", f"they could not be read: {error}", "Try again")
    remedy = "Give the account the roles user and bot (Administration, Users)"
    if "bot" not in roles:
        words = "without the role bot, what the bot itself says counts for the rate limit, too"
        return make_warning("roles", words, remedy)
    if "admin" in roles:
        words = "the account is an administrator: much more than the bot needs, were its token lost"
        return make_warning("roles", words, remedy)
    if "user" not in roles:
        return make_warning(
            "roles", "without the role user it can make no tokens of its own", remedy
        )
    return make_ok("roles", "user and bot")


async def _check_licence(rest: RestClient) -> CheckResult:
    try:
        is_licensed = await has_device_management(rest)
    except WorkspaceError as error:
        return make_warning(
            "licence", f"device management could not be tried: {error}", "Try again"
        )
    if is_licensed:
        return make_ok("licence", "device management is there")
    remedy = "It comes with a paid plan of Rocket.Chat; without it the bot can show nobody anything"
    return make_problem("licence", "this workspace has no device management", remedy)


async def check_room(rest: RestClient, name: str) -> CheckResult:
    """Look for the room of the bot's own report."""
    try:
        room = await find_room(rest, name)
    except WorkspaceError as error:
        return make_warning("report", f"the room could not be looked up: {error}", "Try again")
    if room is None:
        words = f"there is no room {name} that the bot can see"
        return make_problem("report", words, "Correct [report] room, or invite the bot there")
    if not room.is_member:
        words = f"the bot is not in {name}"
        return make_problem("report", words, f"Invite it there: /invite, in {name}")
    if room.is_read_only:
        words = f"{name} is read-only, so the report may not get in"
        return make_warning("report", words, "Let the bot write there, or choose another room")
    return make_ok("report", f"goes to {name}")


def is_local(url: str) -> bool:
    """Return whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"
