"""One transaction, repeated where the database undid it."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.errors import StorageError
from bot.storage.engine import begin_shared, interrupt
from bot.storage.failures import is_conflict, translated_errors

Work = Callable[[Connection], Any]

_MAX_REPEATS: Final = 20
_MIN_PAUSE_S: Final = 0.001
_MAX_PAUSE_S: Final = 0.1
_RANDOM: Final = SystemRandom()


class GroupFailedError(Exception):
    """One of several pieces of work failed; nothing of the group was kept."""


class NoConnectionError(Exception):
    """The database cannot be reached, or no transaction can begin; ``reason`` says why."""

    def __init__(self, reason: StorageError) -> None:
        super().__init__(str(reason))
        self.reason: Final = reason


class _UndoneError(Exception):
    """The database undid the transaction, and not because of the work."""

    def __init__(self, cause: DBAPIError) -> None:
        super().__init__(str(cause))
        self.cause: Final = cause


@dataclass(frozen=True, slots=True)
class TransactionOptions:
    """What work asks of its transaction.

    Isolated work has a serializable transaction of its own; other work may share one. Durable
    work outlasts a power cut. Read-only work is one query. Small work may run on the event loop.
    """

    is_isolated: bool = False
    is_durable: bool = False
    is_read_only: bool = False
    is_small: bool = False


class TransactionRunner:
    """Runs transactions, one at a time, on the storage thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine
        self._connection: Connection | None = None
        self.repeats = 0
        """Transactions that the database undid, and that were tried again."""

    def run(
        self, works: Sequence[Work], options: TransactionOptions, *, is_wanted: Callable[[], bool]
    ) -> list[object]:
        """Do all the work, or keep nothing and raise; the work may be called several times.

        A transaction that the database undid is repeated while ``is_wanted``. Raises
        NoConnectionError, StorageError, what single work raises, and GroupFailedError for what
        one of several raises.
        """
        for repeat in itertools.count():
            try:
                return self._try(works, options)
            except _UndoneError as error:
                if repeat == _MAX_REPEATS or not is_wanted():
                    with translated_errors():
                        raise error.cause from None
                self._note_repeat(error.cause)
            # Random, or those that conflicted would conflict again.
            time.sleep(_RANDOM.uniform(0, min(_MIN_PAUSE_S * 2**repeat, _MAX_PAUSE_S)))
        raise AssertionError("unreachable")

    def _note_repeat(self, cause: DBAPIError) -> None:
        self.repeats += 1
        if cause.connection_invalidated:
            # Conflicts with other processes are usual, and no reason for a line.
            log = structlog.get_logger("storage")
            log.warning("the database cut the connection; the transaction is repeated")

    def interrupt(self) -> None:
        """Make the transaction under way fail; called on the event loop."""
        connection, self._connection = self._connection, None
        if connection is not None:
            interrupt(connection)

    def _try(self, works: Sequence[Work], options: TransactionOptions) -> list[object]:
        with _connect(self._engine) as connection, translated_errors():
            self._connection = connection
            try:
                _begin_or_give_up(connection, len(works), options)
                results = _run_all(connection, works)
                _commit(connection)
            finally:
                self._connection = None
            return results


def _connect(engine: Engine) -> Connection:
    try:
        with translated_errors():
            return engine.connect()
    except StorageError as error:
        raise NoConnectionError(error) from error


def _begin_or_give_up(connection: Connection, count: int, options: TransactionOptions) -> None:
    try:
        with translated_errors():
            _begin(connection, count, options)
    except StorageError as error:
        cause = error.__cause__
        if isinstance(cause, DBAPIError) and _is_undone(cause):
            raise _UndoneError(cause) from cause
        # A lock that is held for so long is held against all that wait, too.
        raise NoConnectionError(error) from error


def _is_undone(error: DBAPIError) -> bool:
    return error.connection_invalidated or is_conflict(error)


def _run_all(connection: Connection, works: Sequence[Work]) -> list[object]:
    try:
        return [work(connection) for work in works]
    except Exception as error:
        if isinstance(error, DBAPIError) and _is_undone(error):
            raise _UndoneError(error) from error
        if len(works) == 1:
            raise
        # Not savepoints: they would cost each task what only a failing one needs, and SQLite
        # drops them with the whole transaction when the disk is full.
        raise GroupFailedError from error


def _begin(connection: Connection, count: int, options: TransactionOptions) -> None:
    if connection.dialect.name == "sqlite":
        connection.execution_options(
            is_durable=options.is_durable, is_read_only=options.is_read_only
        )
        connection.begin()
    elif options.is_read_only:
        # A query is a transaction of its own.
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.begin()
    elif options.is_isolated:
        connection.begin()  # serializable, as the engine was made
    else:
        begin_shared(connection, count, is_durable=options.is_durable)


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        # Where the connection broke here, it is unknown whether it was kept: only the caller
        # knows whether doing it twice is harmless.
        if is_conflict(error):
            raise _UndoneError(error) from error
        raise
