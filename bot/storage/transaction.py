"""One transaction, begun again where the database was in the way and nothing was kept."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import SystemRandom
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.errors import StorageError
from bot.storage.failures import is_conflict, translated_errors
from bot.storage.postgresql import begin_small_jobs

Work = Callable[[Connection], Any]

_MOST_REPEATS: Final = 20
_FIRST_PAUSE: Final = 0.001  # seconds
_LONGEST_PAUSE: Final = 0.1
_RANDOM: Final = SystemRandom()


class GroupBrokenError(Exception):
    """One of several pieces of work failed; nothing of the group was kept."""


class NoConnectionError(Exception):
    """The database cannot be reached; ``reason`` says why."""

    def __init__(self, reason: StorageError) -> None:
        super().__init__(str(reason))
        self.reason: Final = reason


class _UndoneError(Exception):
    """The database undid the transaction for no fault of the work's."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__(str(cause))
        self.cause: Final = cause


def run_transaction(engine: Engine, works: Sequence[Work], *, is_groupable: bool) -> list[object]:
    """Do all the work, or keep nothing and raise; the work may be called several times.

    Raises NoConnectionError, StorageError, whatever the work raises alone, and GroupBrokenError
    for whatever one of several raises.
    """
    for repeat in range(_MOST_REPEATS):
        with suppress(_UndoneError):
            return _try(engine, works, is_groupable=is_groupable)
        # Those who got in each other's way would do so again if they all came back at once.
        time.sleep(_RANDOM.uniform(0, min(_FIRST_PAUSE * 2**repeat, _LONGEST_PAUSE)))
    try:
        return _try(engine, works, is_groupable=is_groupable)
    except _UndoneError as error:
        with translated_errors():
            raise error.cause from None


def _try(engine: Engine, works: Sequence[Work], *, is_groupable: bool) -> list[object]:
    with _connect(engine) as connection, translated_errors():
        results = _work_through(connection, works, is_groupable=is_groupable)
        _commit(connection)
        return results


def _connect(engine: Engine) -> Connection:
    try:
        with translated_errors():
            return engine.connect()
    except StorageError as error:
        raise NoConnectionError(error) from error


def _work_through(
    connection: Connection, works: Sequence[Work], *, is_groupable: bool
) -> list[object]:
    try:
        _begin(connection, len(works), is_groupable=is_groupable)
        return [work(connection) for work in works]
    except Exception as error:
        if isinstance(error, DBAPIError) and (error.connection_invalidated or is_conflict(error)):
            raise _UndoneError(error) from error
        if len(works) == 1:
            raise
        # Not savepoints: they would cost each job what only a failing one needs, and SQLite
        # drops them with the whole transaction when the disk is full.
        raise GroupBrokenError from error


def _begin(connection: Connection, count: int, *, is_groupable: bool) -> None:
    if is_groupable and connection.dialect.name == "postgresql":
        begin_small_jobs(connection, count)
    else:
        connection.begin()


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        # A connection lost here leaves open whether it was kept: only the caller can know
        # whether doing it twice is harmless.
        if is_conflict(error):
            raise _UndoneError(error) from error
        raise
