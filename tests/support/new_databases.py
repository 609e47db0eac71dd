"""Databases with the tables made already, as copies of one that each test process makes once.

To make the tables takes several times as long as what most tests do. That they can be made from
nothing is for ``tests/integration/storage/test_schema.py`` and for the tests that start programs.
"""

import tempfile
from functools import cache
from pathlib import Path

from bot.storage.engine import find_database_file, make_engine
from bot.storage.schema import migrate


def make_file(url: str) -> None:
    """Make the file of an SQLite database, unless it exists or its folder does not."""
    path = find_database_file(url)
    if path is None or path.exists() or not path.parent.is_dir():
        return
    path.touch(0o600, exist_ok=False)
    path.write_bytes(_make_content())


@cache
def _make_content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        make_tables(f"sqlite:///{path}")
        return path.read_bytes()


def make_tables(url: str) -> None:
    """Make the tables of the bot in an empty database."""
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()
