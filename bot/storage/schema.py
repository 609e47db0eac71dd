"""Bringing the schema up to date."""

import pkgutil
from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from bot.errors import StorageError
from bot.storage.engine import wait_to_migrate
from bot.storage.migrations import versions


@dataclass(frozen=True, slots=True)
class Migration:
    """The revisions that the tables were at and are at; nothing where there were no tables."""

    before: str
    after: str


def migrate(connection: Connection) -> Migration:
    """Make or update the tables; raise StorageError where a newer program was here before."""
    if connection.dialect.name == "postgresql":
        wait_to_migrate(connection)
    before = read_revision(connection)
    if is_outdated(before):
        from bot.storage.schema import upgrade  # noqa: PLC0415 - alembic is large, and seldom needed

        upgrade(connection)
    # SQLite opens a file that it may not write without a word; this write finds out.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    return Migration(before, read_revision(connection))


def read_revision(connection: Connection) -> str:
    """Return the revision that the tables are at; nothing where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found or ""


def is_outdated(revision: str) -> bool:
    """Return whether there is a later revision; raise StorageError for one of a newer program's."""
    known = find_revisions()
    if revision and revision not in known:
        raise StorageError(
            f"The database was last used by a newer version of this program (schema"
            f" {revision}); install that version again or restore a backup."
        )
    return revision != max(known)


def find_revisions() -> frozenset[str]:
    """Return all there are, by the names of their files, as in ``r0001_first_tables``."""
    names = (module.name for module in pkgutil.iter_modules(versions.__path__))
    return frozenset(name.partition("_")[0].removeprefix("r") for name in names)


def upgrade(connection: Connection) -> None:
    """Make or update the tables, in the transaction that is open."""
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
