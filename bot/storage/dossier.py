"""All that nearly every question of a person needs, in one query."""

from asyncio import Future
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, String, and_, bindparam, select

from bot.features.accounts.store import ACCOUNT_COLUMNS, TOKEN_COLUMNS
from bot.features.sessions.store import NAME_COLUMNS
from bot.storage.database import Database
from bot.storage.foresight import Foresight, Part, Rows
from bot.storage.statement import Statement
from bot.storage.tables import accounts, device_names

_asker: Final = select(bindparam("user", type_=String).label("user_id")).subquery("asker")
_is_askers: Final = and_(accounts.c.user_id == _asker.c.user_id, accounts.c.dead_since.is_(None))
_LOAD: Final = Statement(
    select(*ACCOUNT_COLUMNS, *TOKEN_COLUMNS, *NAME_COLUMNS).select_from(
        _asker.outerjoin(accounts, _is_askers).outerjoin(
            device_names, device_names.c.user_id == _asker.c.user_id
        )
    )
)
_TOKEN_AT: Final = len(ACCOUNT_COLUMNS)
_NAMES_AT: Final = _TOKEN_AT + len(TOKEN_COLUMNS)


def make_foresight(database: Database) -> Foresight:
    """Make the foresight that accounts, lent tokens and names of devices share."""
    return Foresight(partial(_begin, database))


def _begin(database: Database, user_id: str) -> Future[Mapping[Part, Rows]]:
    return database.begin_to_read(partial(_load, user_id))


def _load(user_id: str, connection: Connection) -> dict[Part, Rows]:
    rows = _LOAD.run(connection, {"user": user_id})
    return {
        Part.ACCOUNT: _find(rows, 0, _TOKEN_AT)[:1],
        Part.TOKEN: _find(rows, _TOKEN_AT, _NAMES_AT)[:1],
        Part.NAMES: _find(rows, _NAMES_AT, len(rows[0])),
    }


def _find(rows: Rows, start: int, end: int) -> list[tuple[Any, ...]]:
    # Where a table has nothing, all its columns are empty; its first never is elsewhere.
    return [row[start:end] for row in rows if row[start] is not None]
