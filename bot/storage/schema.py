"""Bringing the schema up to date."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.errors import StorageError
from bot.storage.postgresql import wait_to_migrate


def migrate(connection: Connection) -> None:
    """Make or update the tables; raise StorageError where a newer program was here before."""
    if connection.dialect.name == "postgresql":
        wait_to_migrate(connection)
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    config.attributes["connection"] = connection
    _refuse_newer(connection, ScriptDirectory.from_config(config))
    command.upgrade(config, "head")
    # SQLite opens a file that it may not write without a word; this write finds out.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def _refuse_newer(connection: Connection, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        raise StorageError(
            f"The database was last used by a newer version of this program (schema"
            f" {', '.join(sorted(unknown))}); install that version again or restore a backup."
        )
