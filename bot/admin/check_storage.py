"""Checks of what the bot keeps: the database and the key."""

from collections.abc import AsyncIterator
from pathlib import Path

from bot.admin.check_result import CheckResult, make_ok, make_problem
from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.features.accounts.key_rotation import check_keys
from bot.features.status_report.counters import Demand, load_demand
from bot.storage.database import Database, open_database
from bot.storage.engine import find_database_file
from bot.storage.inspection import Inspection, inspect_database
from bot.storage.key_file import load_key_ring
from bot.storage.vault import KeyRing

NOBODY = Demand(connected=0, watched=0, planned=0, busiest=0)


async def check_storage(settings: Settings) -> tuple[CheckResult, Inspection | None]:
    """Read and write a little; nothing where that is not possible."""
    try:
        found = await inspect_database(settings.storage.url)
    except (StorageError, ConfigError) as error:
        return make_problem("storage", str(error)), None
    if found.is_new:
        return make_ok("storage", "empty; the tables are made at the first start"), found
    if found.is_outdated:
        words = (
            "can be read and written; an older program's, which the next start brings up to date"
        )
        return make_ok("storage", words), found
    return make_ok("storage", "can be read and written"), found


async def check_memory(
    settings: Settings, found: Inspection
) -> AsyncIterator[CheckResult | Demand]:
    """Look for the keys of what is sealed there, and count what there is to do.

    Gives findings, and the demand where it can be counted.
    """
    if found.is_new or found.is_outdated:
        # To look into it would be to change it.
        yield _check_key_alone(settings, found)
        return
    try:
        async with open_database(settings.storage.url) as database:
            yield await _check_keys(settings, found, database)
            yield await load_demand(database, settings.workspace.user_id)
    except StorageError as error:
        yield make_problem("storage", str(error))


def _check_key_alone(settings: Settings, found: Inspection) -> CheckResult:
    if (file := _find_key_to_come(settings, found)) is not None:
        return make_ok("key", f"made at the next start, in {file}")
    try:
        return _describe(
            load_key_ring(settings.vault.keys, settings.find_key_file(), is_creation_allowed=False)
        )
    except ConfigError as error:
        return make_problem("key", str(error))


async def _check_keys(settings: Settings, found: Inspection, database: Database) -> CheckResult:
    if (file := _find_key_to_come(settings, found)) is not None:
        return make_ok("key", f"made at the next start, in {file}")
    try:
        ring = load_key_ring(
            settings.vault.keys, settings.find_key_file(), is_creation_allowed=False
        )
        await check_keys(database, ring)
    except ConfigError as error:
        return make_problem("key", str(error))
    return _describe(ring)


def _find_key_to_come(settings: Settings, found: Inspection) -> Path | None:
    """Return the file that the next start makes a key in; None where it needs the one there is.

    A database on a server may have other machines, each of which would make a key of its own.
    """
    file = settings.find_key_file()
    is_alone = find_database_file(settings.storage.url) is not None
    is_to_come = is_alone and not found.accounts and not settings.vault.keys
    return file if is_to_come and file is not None and not file.exists() else None


def _describe(ring: KeyRing) -> CheckResult:
    count = len(ring.ids)
    if count > 1:
        words = f"{count} keys; `session-bot keys list` shows which are still needed"
        return make_ok("key", words)
    return make_ok("key", "there, and fits")
