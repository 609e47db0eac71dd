"""Checks of what the bot stores: the database, and the keys that its tokens are sealed with."""

from pathlib import Path
from typing import Final

from bot.admin.checks.result import CheckResult, make_ok, make_problem, make_warning
from bot.admin.keys import load_keys
from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.features.accounts import key_rotation
from bot.features.sessions.addresses import describe_places
from bot.features.status_report.backlog import Demand
from bot.storage.database import Database
from bot.storage.engine import find_database_file
from bot.storage.inspection import Inspection, inspect_database
from bot.storage.vault import KeyRing

NO_DEMAND: Final = Demand(connected=0, watched=0, planned=0, busiest=0)


async def check_database(settings: Settings) -> tuple[CheckResult, Inspection | None]:
    """Check that the database can be read and written; None where it cannot."""
    try:
        state = await inspect_database(settings.storage.url)
    except (StorageError, ConfigError) as error:
        return make_problem("storage", str(error)), None
    if state.is_new:
        return make_ok("storage", "empty; the tables are made at the first start"), state
    if state.is_outdated:
        text = "can be read and written; the next start updates an older program's tables"
        return make_ok("storage", text), state
    return make_ok("storage", "can be read and written"), state


async def check_keys(
    settings: Settings, state: Inspection, database: Database | None
) -> CheckResult:
    """Check that the keys are there, and that they open the stored tokens.

    None is a database that must not be opened. Raises StorageError.
    """
    if (file := _find_missing_key_file(settings, state)) is not None:
        return make_ok("key", f"made at the next start, in {file}")
    try:
        ring = load_keys(settings)
        if database is not None:
            await key_rotation.check_keys(database, ring)
    except ConfigError as error:
        return make_problem("key", str(error))
    return _describe(ring)


def check_places(file: Path) -> CheckResult:
    """Check that the database of places can be read; the bot works without it."""
    try:
        return make_ok("places", describe_places(file))
    except ConfigError as error:
        return make_warning("places", str(error), "Until then addresses are shown without places")


def _find_missing_key_file(settings: Settings, state: Inspection) -> Path | None:
    """Return the file in which the next start makes a key; None if it makes none.

    For a database on a server it makes none: each machine would make a key of its own.
    """
    file = settings.find_key_file()
    is_local = find_database_file(settings.storage.url) is not None
    is_made = is_local and not state.accounts and not settings.vault.keys
    return file if is_made and file is not None and not file.exists() else None


def _describe(ring: KeyRing) -> CheckResult:
    count = len(ring.ids)
    if count > 1:
        text = f"{count} keys; `session-bot keys list` shows which are still needed"
        return make_ok("key", text)
    return make_ok("key", "present, and opens the stored tokens")
