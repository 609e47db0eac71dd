"""``session-bot check``: every check, in order; later ones need what earlier ones found."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from bot.admin.checks.network import (
    check_oauth,
    check_own_port,
    check_public_url,
    check_rate_limit,
)
from bot.admin.checks.result import CheckResult, Level, make_ok, make_problem, make_warning
from bot.admin.checks.storage import (
    NO_DEMAND,
    check_database,
    check_keys,
    check_places,
)
from bot.admin.checks.workspace import (
    CHECK_TIMEOUT_S,
    check_after_login,
    check_login,
    check_reach,
    check_room,
    check_version,
)
from bot.config import Settings, describe_sources, load_settings
from bot.errors import ConfigError, StorageError
from bot.features.reports.runs import MAX_DELAY
from bot.features.status_report.backlog import Demand, load_demand
from bot.features.status_report.capacity import describe, estimate, is_short, is_tight
from bot.models import AuthToken
from bot.rocketchat.client import RestClient, open_rest_client
from bot.storage.database import open_database

_OTHERS_MAY_READ: Final = 0o077  # the mode bits of group and others


async def check_config_file(
    config: Path | None, secrets: Path | None = None
) -> AsyncIterator[CheckResult]:
    """Load the settings and run all checks with them."""
    try:
        settings = load_settings(config, secrets=secrets)
    except ConfigError as error:
        yield make_problem("settings", str(error))
        return
    yield make_ok("settings", describe_sources(settings, config))
    if config is not None and _may_others_read(config):
        text = f"{config} can be read by other users of this machine"
        yield make_warning("settings", text, f"chmod 600 {config}")
    async for result in SystemCheck(settings).run():
        yield result


def _may_others_read(file: Path) -> bool:
    return bool(file.stat().st_mode & _OTHERS_MAY_READ)


class SystemCheck:
    """Tries everything the bot needs, changes nothing, and does not disturb a running bot.

    ``timeout_s`` limits each request.
    """

    def __init__(self, settings: Settings, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._settings: Final = settings
        self._timeout_s: Final = timeout_s
        self._token: Final = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
        # What the capacity is computed from, as far as the checks find it out.
        self._rate_limit: int | None = None
        self._demand = NO_DEMAND

    async def run(self) -> AsyncIterator[CheckResult]:
        """Run all checks that the results so far allow."""
        url, ca_file = self._settings.workspace.url, self._settings.workspace.ca_file
        connecting = open_rest_client(url, self._token, timeout_s=self._timeout_s, ca_file=ca_file)
        async with connecting as rest:
            reach, version = await check_reach(rest, url)
            yield reach
            if version:
                yield check_version(version, has_oauth=bool(self._settings.oauth.client_id))
                async for result in self._check_workspace(rest):
                    yield result
        port = await check_own_port(self._settings, self._timeout_s)
        yield port
        if port.level is Level.OK:  # else another program would answer
            async for result in check_public_url(self._settings, self._timeout_s):
                yield result
        async for result in self._check_storage():
            yield result
        if database := self._settings.places.database:
            yield check_places(database)
        for result in _describe_capacity(self._demand, self._rate_limit):
            yield result

    async def _check_workspace(self, rest: RestClient) -> AsyncIterator[CheckResult]:
        settings = self._settings
        login = await check_login(rest, self._token)
        yield login
        if login.level is Level.PROBLEM:
            return
        url, ca_file = settings.workspace.url, settings.workspace.ca_file
        async for result in check_after_login(rest, url, self._token, self._timeout_s, ca_file):
            yield result
        if settings.status_report.room:
            yield await check_room(rest, settings.status_report.room)
        async for result in check_oauth(rest, settings, self._timeout_s):
            yield result
        result, self._rate_limit = await check_rate_limit(rest, settings, self._timeout_s)
        yield result

    async def _check_storage(self) -> AsyncIterator[CheckResult]:
        settings = self._settings
        result, state = await check_database(settings)
        yield result
        if state is None:
            return
        if state.is_new or state.is_outdated:
            # Opening the database would make or update its tables.
            yield await check_keys(settings, state, None)
            return
        try:
            async with open_database(settings.storage.url) as database:
                yield await check_keys(settings, state, database)
                self._demand = await load_demand(database, settings.workspace.user_id)
        except StorageError as error:
            yield make_problem("storage", str(error))


def _describe_capacity(demand: Demand, limit: int | None) -> Iterator[CheckResult]:
    """Say what the rate limit means; None stands for Rocket.Chat's default."""
    capacity = estimate(demand, limit)
    *first, last = describe(capacity, MAX_DELAY)
    for sentence in first:
        yield make_ok("capacity", sentence)
    if is_tight(capacity) or is_short(capacity, MAX_DELAY):
        remedy = "Raise it: Administration, Settings, Rate Limiter, API Rate Limiter"
        yield make_warning("capacity", last, remedy)
    else:
        yield make_ok("capacity", last)
