"""Makes the bot's database fail, from outside."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psycopg

_COUNT = "SELECT count(*) FROM inbox WHERE finished_at IS NULL"
_CUT_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Storage(Protocol):
    """A database that can be made to fail."""

    async def fail(self, seconds: float) -> str:
        """Let it fail, for so many seconds where that can be chosen; return what was done."""
        ...

    async def count_unfinished(self) -> int:
        """Count the messages that the bots have taken in and not finished yet."""
        ...


class SqliteFile:
    """The database in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fail(self, seconds: float) -> str:
        """Lock it against all writing."""
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as opened:
            try:
                opened.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return "database found locked"
            await asyncio.sleep(seconds)
            opened.execute("ROLLBACK")
        return "database locked"

    async def count_unfinished(self) -> int:
        """Count the messages that are still to be finished."""
        with closing(sqlite3.connect(self._path)) as opened:
            (count,) = opened.execute(_COUNT).fetchone()
        return int(count)


class PostgresDatabase:
    """The database on a server."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def fail(self, seconds: float) -> str:  # noqa: ARG002 - cut at once
        """Cut all connections to it."""
        await asyncio.to_thread(self._cut)
        return "database connections cut"

    async def count_unfinished(self) -> int:
        """Count the messages that are still to be finished."""
        return await asyncio.to_thread(self._count)

    def _cut(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_CUT_ALL)

    def _count(self) -> int:
        with psycopg.connect(self._url, autocommit=True) as connection:
            row = connection.execute(_COUNT).fetchone()
        return int(row[0]) if row else 0
