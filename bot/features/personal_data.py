"""Everything stored about a person, shown or erased at once."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection, delete, func, select

from bot.storage.database import Database
from bot.storage.inbox import make_forget_statement
from bot.storage.sqlite_log import empty_log
from bot.storage.tables import (
    accounts,
    alert_subscriptions,
    audit,
    confirmations,
    device_names,
    inbox,
    known_devices,
    link_requests,
    numbered_lists,
    report_runs,
    schedules,
)

_TABLES: Final = (
    *(accounts, link_requests, device_names, numbered_lists, confirmations),
    *(report_runs, schedules, alert_subscriptions, known_devices, audit),
)
"""Every table with a row for a person; the inbox is cleared of its people besides."""


@dataclass(frozen=True, slots=True)
class StoredAboutPerson:
    """What the bot stores about one person, but for the account and its token."""

    has_open_link: bool
    device_names: tuple[str, ...]
    listed_sessions: int
    audit_records: int
    schedule: str
    has_alerts: bool
    seen_devices: int
    waiting_questions: int
    signed_out_at: datetime | None


class PersonalData:
    """A person's right to see and erase what is stored. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._log = structlog.get_logger("audit").bind()

    async def load(self, user_id: str) -> StoredAboutPerson:
        """Collect what is stored about the person."""
        return await self._database.write(partial(_load, user_id))

    async def count(self, user_id: str) -> Counter[str]:
        """Return the number of rows about the person in each table that has any."""
        return await self._database.write(partial(_count, user_id))

    async def forget(self, user_id: str) -> Counter[str]:
        """Erase everything about the person, in one transaction; return the rows as ``count``.

        Work that is going on for them finds no account afterwards, and writes nothing. On SQLite,
        what was deleted is overwritten, and gone from the write-ahead log.
        """
        erased = await self._database.write(partial(_erase, user_id))
        # Once more, for a note that PostgreSQL committed in the same moment.
        erased += await self._database.write(partial(_erase, user_id))
        if not await empty_log(self._database):
            self._log.warning("the log of the database could not be emptied; it is in use")
        # In the log only: the audit trail in the database was erased, too.
        self._log.info("forgotten", user_id=user_id)
        return erased


def _load(user_id: str, connection: Connection) -> StoredAboutPerson:
    counts = _count(user_id, connection)
    names = select(device_names.c.name).where(device_names.c.user_id == user_id)
    numbered = connection.scalar(
        select(numbered_lists.c.groups).where(numbered_lists.c.user_id == user_id)
    )
    rule = connection.scalar(select(schedules.c.rule).where(schedules.c.user_id == user_id))
    signed_out = select(accounts.c.signed_out_at).where(accounts.c.user_id == user_id)
    return StoredAboutPerson(
        has_open_link=counts[link_requests.name] > 0,
        device_names=tuple(sorted(connection.scalars(names))),
        listed_sessions=sum(map(len, json.loads(numbered or "[]"))),
        audit_records=counts[audit.name],
        schedule=rule or "",
        has_alerts=counts[alert_subscriptions.name] > 0,
        seen_devices=counts[known_devices.name],
        waiting_questions=counts[inbox.name],
        signed_out_at=connection.scalar(signed_out),
    )


def _count(user_id: str, connection: Connection) -> Counter[str]:
    columns = [table.c.user_id for table in _TABLES] + [inbox.c.awaiting_user_id]
    found = {
        column.table.name: connection.scalar(select(func.count()).where(column == user_id)) or 0
        for column in columns
    }
    return +Counter(found)  # without those that have none


def _erase(user_id: str, connection: Connection) -> Counter[str]:
    erased = {
        table.name: connection.execute(delete(table).where(table.c.user_id == user_id)).rowcount
        for table in _TABLES
    }
    erased[inbox.name] = connection.execute(make_forget_statement(user_id)).rowcount
    return +Counter(erased)
