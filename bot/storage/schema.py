"""Make the tables, or bring them up to date.

A new database gets the tables of ``tables.py`` at once, and is marked as of the latest revision
(Alembic's cookbook, "Building an Up to Date Database from Scratch"). A revision in
``migrations/versions`` only changes databases that were made before it.
"""

import pkgutil
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection, inspect, text

from bot.errors import StorageError
from bot.storage.engine import wait_to_migrate
from bot.storage.migrations import renames_0007, versions
from bot.storage.tables import metadata

_FIRST_RELEASE: Final = "0009"
# Not in ``tables.py``: declared there they load both SQL dialects, megabytes of memory.
_PARTIAL_INDEXES: Final = (
    "CREATE INDEX inbox_unfinished ON inbox (sender_id) WHERE finished_at IS NULL",
    "CREATE INDEX inbox_awaiting ON inbox (awaiting_user_id) WHERE awaiting_user_id IS NOT NULL",
    "CREATE INDEX report_runs_open ON report_runs (claimable_at,user_id) WHERE finished_at IS NULL",
)


@dataclass(frozen=True, slots=True)
class Migration:
    """The revisions of the tables before and after; empty where there were no tables."""

    before: str
    after: str


def migrate(connection: Connection) -> Migration:
    """Make or update the tables; raise StorageError for a revision this program cannot use."""
    if connection.dialect.name == "postgresql":
        wait_to_migrate(connection)
    before = read_revision(connection)
    if is_outdated(before):
        if before == renames_0007.REVISION:
            renames_0007.rename_all(connection, _FIRST_RELEASE)
        if not before:
            _make_tables(connection)
        _run_alembic(connection, is_new=not before)
        log = structlog.get_logger("storage")
        log.info(
            "updated the tables" if before else "made the tables", schema=max(find_revisions())
        )
    # SQLite opens a file that it may not write without an error; this write raises it.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    return Migration(before, read_revision(connection))


def read_revision(connection: Connection) -> str:
    """Return the revision of the tables; empty where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found or ""


def is_outdated(revision: str) -> bool:
    """Return whether there is a later revision; raise StorageError for one that cannot be used."""
    known = find_revisions() | {renames_0007.REVISION}
    if revision and revision not in known:
        raise StorageError(_explain_unknown(revision))
    return revision != max(known)


def _explain_unknown(revision: str) -> str:
    if revision < _FIRST_RELEASE:
        return (
            f"The database was made by a version of this program before its first release (schema"
            f" {revision}), too old to be brought up to date; restore a backup, or move the"
            " database away and let everybody connect again."
        )
    return (
        f"The database was last used by a newer version of this program (schema"
        f" {revision}); install that version again or restore a backup."
    )


def find_revisions() -> frozenset[str]:
    """Return all revisions, from the names of their files, as in ``r0009_first_release``."""
    names = (module.name for module in pkgutil.iter_modules(versions.__path__))
    return frozenset(name.partition("_")[0].removeprefix("r") for name in names)


def _make_tables(connection: Connection) -> None:
    # Unchecked: a table of another program's with one of the names must be an error.
    metadata.create_all(connection, checkfirst=False)
    for statement in _PARTIAL_INDEXES:
        connection.exec_driver_sql(statement)


def _run_alembic(connection: Connection, *, is_new: bool) -> None:
    """Note the latest revision in a new database; bring an older one up to it."""
    # Imported here: Alembic takes megabytes of memory, and most starts do not need it.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.attributes["connection"] = connection
    if is_new:
        command.stamp(config, "head")
    else:
        command.upgrade(config, "head")
