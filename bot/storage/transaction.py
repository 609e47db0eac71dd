"""One transaction, begun again where the database was in the way and nothing was kept."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.errors import StorageError
from bot.storage.engine import begin_alone, begin_small_jobs
from bot.storage.failures import is_conflict, translated_errors

Work = Callable[[Connection], Any]

_MAX_REPEATS: Final = 20
_FIRST_PAUSE: Final = 0.001  # seconds
_MAX_PAUSE: Final = 0.1
_RANDOM: Final = SystemRandom()


class GroupBrokenError(Exception):
    """One of several pieces of work failed; nothing of the group was kept."""


class NoConnectionError(Exception):
    """The database cannot be reached, or lets nobody begin; ``reason`` says why."""

    def __init__(self, reason: StorageError) -> None:
        super().__init__(str(reason))
        self.reason: Final = reason


class _UndoneError(Exception):
    """The database undid the transaction for no fault of the work's."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__(str(cause))
        self.cause: Final = cause


@dataclass(frozen=True, slots=True)
class TransactionOptions:
    """What a transaction may do without; see ``Database.run``."""

    is_groupable: bool
    is_lasting: bool
    is_reading: bool


def run_transaction(
    engine: Engine, works: Sequence[Work], kind: TransactionOptions
) -> list[object]:
    """Do all the work, or keep nothing and raise; the work may be called several times.

    Raises NoConnectionError, StorageError, whatever the work raises alone, and GroupBrokenError
    for whatever one of several raises.
    """
    for repeat in range(_MAX_REPEATS):
        with suppress(_UndoneError):
            return _try(engine, works, kind)
        # Those who got in each other's way would do so again if they all came back at once.
        time.sleep(_RANDOM.uniform(0, min(_FIRST_PAUSE * 2**repeat, _MAX_PAUSE)))
    try:
        return _try(engine, works, kind)
    except _UndoneError as error:
        with translated_errors():
            raise error.cause from None


def _try(engine: Engine, works: Sequence[Work], kind: TransactionOptions) -> list[object]:
    with _connect(engine) as connection, translated_errors():
        _begin_or_give_up(connection, len(works), kind)
        results = _work_through(connection, works)
        _commit(connection)
        return results


def _connect(engine: Engine) -> Connection:
    try:
        with translated_errors():
            return engine.connect()
    except StorageError as error:
        raise NoConnectionError(error) from error


def _begin_or_give_up(connection: Connection, count: int, kind: TransactionOptions) -> None:
    try:
        with translated_errors():
            _begin(connection, count, kind)
    except StorageError as error:
        cause = error.__cause__
        if isinstance(cause, DBAPIError) and _is_undone(cause):
            raise _UndoneError(cause) from cause
        # A lock that somebody holds for so long is held against all others, too.
        raise NoConnectionError(error) from error


def _is_undone(error: DBAPIError) -> bool:
    return error.connection_invalidated or is_conflict(error)


def _work_through(connection: Connection, works: Sequence[Work]) -> list[object]:
    try:
        return [work(connection) for work in works]
    except Exception as error:
        if isinstance(error, DBAPIError) and _is_undone(error):
            raise _UndoneError(error) from error
        if len(works) == 1:
            raise
        # Not savepoints: they would cost each job what only a failing one needs, and SQLite
        # drops them with the whole transaction when the disk is full.
        raise GroupBrokenError from error


def _begin(connection: Connection, count: int, kind: TransactionOptions) -> None:
    if connection.dialect.name == "sqlite":
        connection.execution_options(is_lasting=kind.is_lasting, is_reading=kind.is_reading)
        connection.begin()
    elif kind.is_reading:
        # A query is a transaction of its own.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.begin()
    elif kind.is_groupable:
        begin_small_jobs(connection, count, is_lasting=kind.is_lasting)
    else:
        begin_alone(connection, is_lasting=kind.is_lasting)


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        # A connection lost here leaves open whether it was kept: only the caller can know
        # whether doing it twice is harmless.
        if is_conflict(error):
            raise _UndoneError(error) from error
        raise
