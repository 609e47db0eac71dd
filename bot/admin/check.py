"""All checks, in an order in which each makes sense only if those before it went well."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bot.admin.check_network import check_oauth, check_public_url, find_limit
from bot.admin.check_result import CheckResult, Level, make_ok, make_problem, make_warning
from bot.admin.check_storage import NOBODY, check_memory, check_storage
from bot.admin.check_workspace import (
    check_account,
    check_listening,
    check_login,
    check_reach,
    check_room,
    check_version,
)
from bot.config import Settings, load_settings
from bot.errors import ConfigError
from bot.features.status_report.capacity import describe, estimate, is_short, is_tight
from bot.features.status_report.counters import Demand
from bot.models import AuthToken
from bot.rocketchat.client import RestClient, open_rest_client
from bot.scheduler.tasks import MAX_DELAY

PATIENCE: Final = 8.0
"""Seconds for one answer."""

_OF_OTHERS: Final = 0o077


async def check_configured(
    config: Path | None, secrets: Path | None = None
) -> AsyncIterator[CheckResult]:
    """Read the settings, and try all that the bot needs with them."""
    try:
        settings = load_settings(config, secrets=secrets)
    except ConfigError as error:
        yield make_problem("settings", str(error))
        return
    if config is not None and _is_open_to_others(config):
        words = f"{config} can be read by other users of this machine"
        yield make_warning("settings", words, f"chmod 600 {config}")
    async for finding in check_everything(settings):
        yield finding


def _is_open_to_others(file: Path) -> bool:
    return bool(file.stat().st_mode & _OF_OTHERS)


async def check_everything(
    settings: Settings, patience: float = PATIENCE
) -> AsyncIterator[CheckResult]:
    """Try all that the bot needs; changes nothing, and disturbs no bot that runs.

    ``patience`` is for one answer, in seconds.
    """
    limit = None
    token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
    async with open_rest_client(settings.workspace.url, token, timeout_s=patience) as rest:
        finding, version = await check_reach(rest, settings.workspace.url)
        yield finding
        if version:
            yield check_version(version, has_oauth=bool(settings.oauth.client_id))
            async for each in _check_workspace(rest, settings, token, patience):
                if isinstance(each, CheckResult):
                    yield each
                else:
                    limit = each
    async for finding in check_public_url(settings, patience):
        yield finding
    async for finding in _check_memory(settings, limit):
        yield finding


async def _check_workspace(
    rest: RestClient, settings: Settings, token: AuthToken, patience: float
) -> AsyncIterator[CheckResult | int]:
    """Return findings, and in the end the calls that are allowed a minute, where that is known."""
    login = await check_login(rest, token)
    yield login
    if login.level is Level.PROBLEM:
        return
    yield await check_listening(settings.workspace.url, token, patience)
    async for finding in check_account(rest, token):
        yield finding
    if settings.report.room:
        yield await check_room(rest, settings.report.room)
    async for finding in check_oauth(rest, settings, patience):
        yield finding
    limited, limit = await find_limit(rest, settings, patience)
    yield limited
    if limit is not None:
        yield limit


async def _check_memory(settings: Settings, limit: int | None) -> AsyncIterator[CheckResult]:
    demand = NOBODY
    storage, inspection = await check_storage(settings)
    yield storage
    if inspection is not None:
        async for found in check_memory(settings, inspection):
            if isinstance(found, Demand):
                demand = found
            else:
                yield found
    for finding in describe_capacity(demand, limit):
        yield finding


def describe_capacity(demand: Demand, limit: int | None) -> list[CheckResult]:
    """Say what the limit means; None is taken for the usual one."""
    capacity = estimate(demand, limit)
    sentences = list(describe(capacity, MAX_DELAY))
    found = [make_ok("capacity", sentence) for sentence in sentences]
    if is_tight(capacity) or is_short(capacity, MAX_DELAY):
        remedy = "Raise it: Administration, Settings, Rate Limiter, API Rate Limiter"
        found[-1] = make_warning("capacity", sentences[-1], remedy)
    return found
