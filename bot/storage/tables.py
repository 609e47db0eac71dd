"""The tables as the program uses them, and as ``schema.py`` makes them in a new database."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    Engine,
    Executable,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    TypeDecorator,
    select,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy.dialects import postgresql, sqlite

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, stored as whole microseconds since 1970, loaded in UTC.

    SQLite has no type for times. Integers are exact, and compare and sort the same way on SQLite
    and PostgreSQL.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the library's signature
        """Return the microseconds; a naive datetime raises, in the end StorageError."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the library's signature
        """Return the datetime of the microseconds."""
        return None if value is None else _EPOCH + value * _MICROSECOND


metadata: Final = MetaData()

accounts: Final = Table(
    "accounts",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("username", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("connected_at", UtcTime, nullable=False),
    Column("language", String, nullable=False),
    Column("utc_offset", Double),
    Column("zone", String, nullable=False),
    Column("is_bearer", Boolean, nullable=False),
    Column("sealed_token", LargeBinary, nullable=False),
    Column("sealed_refresh_token", LargeBinary),
    Column("expires_at", UtcTime),
    Column("refreshed_at", UtcTime),
    Column("token_id", String, nullable=False),
    Column("refreshing_until", UtcTime),
    Column("revoked_at", UtcTime),
    Column("notified_at", UtcTime),
    Column("signed_out_at", UtcTime),
    Column("list_cleaned_until", UtcTime),
)

link_requests: Final = Table(
    "link_requests",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("username", String, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("attempts_left", Integer, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("browser_hash", LargeBinary),
)

inbox: Final = Table(
    "inbox",
    metadata,
    Column("message_id", String, primary_key=True),
    Column("claimed_by", String, nullable=False),
    Column("claimed_until", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("room_id", String, nullable=False),
    Column("sender_id", String, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("reply_kind", String, nullable=False),
    Column("awaiting_user_id", String),
    Column("confirmed_action", String),
)
unfinished: Final = inbox.c.finished_at.is_(None)

sealed_secrets: Final = Table(
    "sealed_secrets",
    metadata,
    Column("name", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("bot_id", String, primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("received_until", UtcTime, nullable=False),
    Column("written_at", UtcTime),
)

device_names: Final = Table(
    "device_names",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("device_key", String, primary_key=True),
    Column("name", String, nullable=False),
)

numbered_lists: Final = Table(
    "numbered_lists",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("groups", String, nullable=False),
    Column("listed_at", UtcTime, nullable=False),
)

confirmations: Final = Table(
    "confirmations",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("room_id", String, nullable=False),
    Column("action", String, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

bearer_refusals: Final = Table(
    "bearer_refusals",
    metadata,
    Column("version", String, primary_key=True),
    Column("refused_at", UtcTime, nullable=False),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("user_id", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("detail", String, nullable=False),
)

schedules: Final = Table(
    "schedules",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("rule", String, nullable=False),
    Column("is_only_changes", Boolean, nullable=False),
    Column("zone", String, nullable=False),
    Column("utc_offset", Double),
    Column("next_at", UtcTime, nullable=False),
    Column("start_at", UtcTime, nullable=False, index=True),
    Column("paused_until", UtcTime),
    Column("skipped", Integer, nullable=False),
    Column("problem", String, nullable=False),
)

report_runs: Final = Table(
    "report_runs",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("due_at", UtcTime, primary_key=True),
    Column("claimable_at", UtcTime, nullable=False),
    Column("claimed_by", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("finished_at", UtcTime),
    Column("outcome", String, nullable=False),
)

alert_subscriptions: Final = Table(
    "alert_subscriptions",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("since", UtcTime, nullable=False),
    Column("next_check_at", UtcTime, nullable=False, index=True),
    Column("problem", String, nullable=False),
)

known_devices: Final = Table(
    "known_devices",
    metadata,
    Column("user_id", String, primary_key=True),
    Column("device_key", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("os_name", String, nullable=False),
    Column("os_version", String, nullable=False),
    Column("network", String, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("is_known_to_alerts", Boolean, nullable=False),
    Column("reported_at", UtcTime),
    Column("announced_at", UtcTime),
)

counters: Final = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("reported", BigInteger, nullable=False),
    Column("since", UtcTime, nullable=False),
)


Condition = Select[Any]
"""A query; what is written under it is written only where it finds a row."""


def select_account(user_id: str) -> Condition:
    """Return the query that finds the account of a person.

    Work for a person may end after they had everything erased. Then it must not write anything.
    """
    return select(accounts.c.user_id).where(accounts.c.user_id == user_id)


def select_link_request(user_id: str) -> Condition:
    """Return the query that finds the link request of a person; as ``select_account``."""
    return select(link_requests.c.user_id).where(link_requests.c.user_id == user_id)


def columns_of(table: Table, cls: type[Any]) -> tuple[Column[Any], ...]:
    """Return the columns that hold the fields of a dataclass, in the order of the fields."""
    return tuple(table.c[field.name] for field in fields(cls))


def values_of(row: "DataclassInstance") -> dict[str, Any]:
    """Return the values of a dataclass's fields by column name, not copied as by ``asdict``."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def make_insert(target: Connection | Engine, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Make the INSERT of the target's dialect, which has ON CONFLICT."""
    # Imported here: the other dialect is megabytes of memory that are never used.
    if target.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - see above

        return insert(table)
    from sqlalchemy.dialects.postgresql import insert as insert_there  # noqa: PLC0415 - see above

    return insert_there(table)


def make_upsert(
    target: Connection | Engine, table: Table, values: Mapping[str, Any], keep: Collection[str] = ()
) -> Executable:
    """Make the INSERT that updates the row with its primary key, but for the columns to keep."""
    key = [column.name for column in table.primary_key]
    insert = make_insert(target, table).values(values)
    changed = {name: insert.excluded[name] for name in values if name not in {*key, *keep}}
    return insert.on_conflict_do_update(index_elements=key, set_=changed)
