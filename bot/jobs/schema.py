"""The queue's own tables, as its library brings them."""

from pathlib import Path
from typing import Final

from procrastinate.schema import SchemaManager

from bot.storage.foreign_schema import ForeignSchema

NAME: Final = "session_bot_jobs"


def load_schema() -> ForeignSchema:
    """Read what makes the tables, and what brings older ones up to date."""
    folder = Path(SchemaManager.get_migrations_path())
    # Their names begin with the version that needs them, so they sort into their order.
    steps = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}
    return ForeignSchema(NAME, SchemaManager.get_schema(), steps)
