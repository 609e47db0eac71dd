"""Checks of the workspace, with the bot's own token."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.admin.checks.result import CheckResult, make_ok, make_problem, make_warning
from bot.errors import (
    TokenRejectedError,
    UnsafeWorkspaceError,
    WorkspaceError,
)
from bot.features.accounts.forged_tokens import reject_forged_token
from bot.models import AuthToken
from bot.rocketchat.client import RestClient
from bot.rocketchat.inspection import fetch_roles, find_room, has_device_management
from bot.rocketchat.network import is_this_machine
from bot.rocketchat.realtime import RealtimeSettings
from bot.rocketchat.realtime.client import try_connect

CHECK_TIMEOUT_S: Final = 8.0
"""How long one request of a check may take."""

_MIN_TESTED: Final = (6, 5)
_MAX_TESTED: Final = (8, 8)
_BEARER_IGNORED_FROM: Final = (7, 5)
_BEARER_ACCEPTED_FROM: Final = (7, 14)
_TOKEN_REMEDY: Final = (
    "Sign in to Rocket.Chat as the bot, make a personal access token (profile, Personal Access"  # noqa: S105 - a sentence
    " Tokens), and put it and the user id that is shown with it into [workspace]"
)


async def check_reach(rest: RestClient, url: str) -> tuple[CheckResult, str]:
    """Check that the workspace answers; return its version, too, empty where it does not."""
    remedy = f"Is [workspace] url right, and can this machine reach it? Try: curl {url}/api/info"
    try:
        version = await rest.fetch_version()
    except WorkspaceError as error:
        return make_problem("reach", str(error), remedy), ""
    if urlsplit(url).scheme == "http" and not is_this_machine(url):
        text = f"{url} answers, but without https: tokens can be read on the way"
        return make_warning("reach", text, "Use https"), version
    return make_ok("reach", f"{url} answers"), version


def check_version(version: str, *, has_oauth: bool) -> CheckResult:
    """Compare the version, as in ``8.3``, with those that the bot was tested with."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    label = f"Rocket.Chat {version}"
    if numbers < _MIN_TESTED:
        return make_warning("version", f"{label} is older than 6.5, the oldest version tested")
    if _BEARER_IGNORED_FROM <= numbers < _BEARER_ACCEPTED_FROM and has_oauth:
        text = f"{label} issues OAuth tokens and ignores them over REST, as 7.5 to 7.13 do"
        return make_warning("version", text, "People are asked to paste a token instead")
    if numbers > _MAX_TESTED:
        return make_ok("version", f"{label}, newer than 8.8, the newest version tested")
    return make_ok("version", label)


async def check_login(rest: RestClient, token: AuthToken) -> CheckResult:
    """Check that the workspace accepts the bot's token."""
    try:
        user = await rest.fetch_user(token)
    except TokenRejectedError:
        return make_problem("login", "the workspace refuses the bot's token", _TOKEN_REMEDY)
    except WorkspaceError as error:
        return make_problem("login", str(error), "Try again; does a proxy answer instead?")
    return make_ok("login", f"signed in as {user.username}")


async def check_after_login(
    rest: RestClient, url: str, token: AuthToken, timeout_s: float, ca_file: Path | None = None
) -> AsyncIterator[CheckResult]:
    """Check what a token that the workspace accepts lets the bot do."""
    yield await _check_listening(url, token, timeout_s, ca_file)
    yield await _check_roles(rest)
    yield await _check_forged_tokens(rest, token)
    yield await _check_licence(rest)


async def _check_listening(
    url: str, token: AuthToken, timeout_s: float, ca_file: Path | None = None
) -> CheckResult:
    """Check that the bot can connect to the realtime API."""
    settings = RealtimeSettings(connect_timeout_s=timeout_s, call_timeout_s=timeout_s)
    try:
        await try_connect(url, token, settings, ca_file)
    except TokenRejectedError as error:
        return make_problem("listening", str(error), _TOKEN_REMEDY)
    except WorkspaceError as error:
        remedy = "A reverse proxy in front of the workspace must pass on websockets, at /websocket"
        return make_problem("listening", str(error), remedy)
    return make_ok("listening", "the realtime API accepts the bot")


async def _check_roles(rest: RestClient) -> CheckResult:
    """Check the roles of the bot's account."""
    try:
        roles = await fetch_roles(rest)
    except WorkspaceError as error:
        return make_warning("roles", f"they could not be fetched: {error}", "Try again")
    remedy = "Give the account the roles user and bot (Administration, Users)"
    if "bot" not in roles:
        text = "without the role bot, the bot's own calls count for the rate limit, too"
        return make_warning("roles", text, remedy)
    if "admin" in roles:
        text = "the account is an administrator, which is much more than the bot needs"
        return make_warning("roles", text, remedy)
    if "user" not in roles:
        return make_warning(
            "roles", "without the role user it cannot make its personal access token", remedy
        )
    return make_ok("roles", "user and bot")


async def _check_forged_tokens(rest: RestClient, token: AuthToken) -> CheckResult:
    """Check that the workspace refuses made-up tokens, as linking accounts needs."""
    try:
        await reject_forged_token(rest, token)
    except UnsafeWorkspaceError:
        return make_problem(
            "tokens",
            "the workspace accepts made-up tokens, so nobody can connect safely",
            "Turn off Administration, Settings, Accounts, Allow Anonymous Read",
        )
    except WorkspaceError as error:
        return make_warning("tokens", f"made-up tokens could not be tried: {error}", "Try again")
    return make_ok("tokens", "made-up tokens are refused")


async def _check_licence(rest: RestClient) -> CheckResult:
    """Check that the workspace has device management."""
    try:
        is_licensed = await has_device_management(rest)
    except WorkspaceError as error:
        return make_warning(
            "licence", f"device management could not be checked: {error}", "Try again"
        )
    if is_licensed:
        return make_ok("licence", "device management is available")
    remedy = (
        "It comes with a paid plan of Rocket.Chat; without it the bot cannot list any sessions,"
        " says so, and offers only to sign people out everywhere (!connect, !logout all)"
    )
    return make_problem("licence", "this workspace has no device management", remedy)


async def check_room(rest: RestClient, name: str) -> CheckResult:
    """Check the room of the status report."""
    try:
        room = await find_room(rest, name)
    except WorkspaceError as error:
        return make_warning("report", f"the room could not be looked up: {error}", "Try again")
    if room is None:
        text = f"the bot can see no room {name}"
        return make_problem("report", text, "Correct [status_report] room, or invite the bot there")
    if not room.is_member:
        text = f"the bot is not a member of {name}"
        return make_problem("report", text, f"Invite it: /invite, in {name}")
    if room.is_read_only:
        text = f"{name} is read-only, so the report may be refused"
        return make_warning("report", text, "Let the bot write there, or choose another room")
    return make_ok("report", f"goes to {name}")
