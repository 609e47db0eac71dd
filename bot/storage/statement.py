"""The statements that each message runs, compiled once for SQLite."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Select, TextClause
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.exc import DBAPIError

from bot.storage.tables import UtcTime

_DIALECT: Final = dialect(paramstyle="named")
_TIME: Final = UtcTime()


class BareStatement:
    """A statement with named parameters, whose rows come as tuples.

    On SQLite it bypasses SQLAlchemy, which takes ten times as long to pass a statement on as
    SQLite takes to run it: this saves 0.37 ms of the p50 of ``!session``. On a server that hardly
    shows, so there SQLAlchemy runs it. Parameters may be times, texts, numbers and bytes; only a
    Select may return times.
    """

    def __init__(self, clause: Select[Any] | TextClause) -> None:
        self._clause: Final = clause
        compiled = clause.compile(dialect=_DIALECT)
        self._text: Final = str(compiled)
        binds = compiled.binds.items()
        self._moments: Final = tuple(name for name, each in binds if isinstance(each.type, UtcTime))
        columns = clause.selected_columns if isinstance(clause, Select) else ()
        types = [column.type for column in columns]
        self._times: Final = tuple(n for n, each in enumerate(types) if isinstance(each, UtcTime))

    def bind(self, values: Mapping[str, Any]) -> Callable[[Connection], list[tuple[Any, ...]]]:
        """Return the work of running it with these values, for the verbs of ``Database``."""
        return partial(self.run, values=values)

    def run(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it in the connection's transaction; raises SQLAlchemyError."""
        if connection.dialect.name == "sqlite":
            return self._run_on_sqlite(connection, values)
        result = connection.execute(self._clause, values)
        return [tuple(row) for row in result] if result.returns_rows else []

    def _run_on_sqlite(
        self, connection: Connection, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        driver: Any = connection.connection.dbapi_connection
        known = dict(values)
        try:
            for name in self._moments:
                known[name] = _TIME.process_bind_param(known[name], _DIALECT)
            rows = driver.execute(self._text, known).fetchall()
        except (sqlite3.Error, TypeError) as error:
            raise DBAPIError(self._text, None, error, hide_parameters=True) from error
        return [self._with_times(row) for row in rows] if self._times else rows

    def _with_times(self, row: Sequence[Any]) -> tuple[Any, ...]:
        found = list(row)
        for place in self._times:
            found[place] = _TIME.process_result_value(found[place], _DIALECT)
        return tuple(found)
