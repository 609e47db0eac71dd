"""The devices that were seen of each person: program, system and network, and no more."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    TextClause,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)

from bot.features.sessions.devices import DeviceSnapshot
from bot.models import Device, OperatingSystem, list_names
from bot.storage.database import AnyRow, Database
from bot.storage.tables import UtcTime, sightings, watches

KEPT: Final = timedelta(days=400)
"""What was not seen for so long is forgotten."""

_row: Final = sightings.c
_LOAD: Final = select(sightings).where(_row.user_id == bindparam("user_id"))
_CLEAR: Final = (
    update(sightings).where(_row.user_id == bindparam("of_user")).values(reported_at=None)
)
_is_useless: Final = and_(_row.is_watched.is_(False), _row.reported_at.is_(None))
_FORGET_OLD: Final = delete(sightings).where(
    _row.user_id == bindparam("of_user"), or_(_row.last_seen_at < bindparam("old"), _is_useless)
)
_KEPT: Final = {"user_id", "device_key", "first_seen_at", "is_watched"}
_RENEWED: Final = tuple(column.name for column in _row if column.name not in _KEPT)


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device as it is remembered.

    ``is_watched`` once alerts know it; ``reported_at`` is the time of the last report, where the
    device was in that one. What it looks like is as that report said.
    """

    seen: DeviceSnapshot
    first_seen_at: datetime
    last_seen_at: datetime
    is_watched: bool
    reported_at: datetime | None


class KnownDevices:
    """What was seen, by user and device key. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, user_id: str) -> dict[str, KnownDevice]:
        """Return the user's devices by their keys."""
        values = {"user_id": user_id}
        rows = await self._database.fetch_all(_LOAD, values)
        return {row.device_key: _read(row) for row in rows}

    async def watch(self, user_id: str, seen: Mapping[str, DeviceSnapshot], now: datetime) -> None:
        """Add what alerts have seen; how reports remember it stays."""

        def write(connection: Connection) -> None:
            rows = [_write(user_id, key, each, now) for key, each in seen.items()]
            rows = [row | {"is_watched": True} for row in rows]
            _upsert(connection, rows, "is_watched", "last_seen_at")
            _forget_old(connection, user_id, now)

        await self._database.write(write)

    async def report(self, user_id: str, seen: Mapping[str, DeviceSnapshot], now: datetime) -> None:
        """Replace what the last report had.

        A power cut may undo it; the next report then tells of the same changes once more.
        """

        def write(connection: Connection) -> None:
            connection.execute(_CLEAR, {"of_user": user_id})
            rows = [_write(user_id, key, each, now) for key, each in seen.items()]
            _upsert(connection, [row | {"reported_at": now} for row in rows], *_RENEWED)
            _forget_old(connection, user_id, now)

        await self._database.write(write)

    async def end_watch(self, user_id: str) -> None:
        """Forget what only alerts know."""
        only_watched = delete(sightings).where(_row.user_id == user_id, _row.reported_at.is_(None))
        unwatch = update(sightings).where(_row.user_id == user_id).values(is_watched=False)

        def write(connection: Connection) -> None:
            connection.execute(only_watched)
            connection.execute(unwatch)

        await self._database.write(write)

    async def delete(self, user_id: str) -> None:
        """Forget everything that was seen of the user."""
        statement = delete(sightings).where(_row.user_id == user_id)
        await self._database.execute(statement)


def _forget_old(connection: Connection, user_id: str, now: datetime) -> None:
    connection.execute(_FORGET_OLD, {"of_user": user_id, "old": now - KEPT})


def _upsert(connection: Connection, rows: list[dict[str, Any]], *renewed: str) -> None:
    if rows:
        connection.execute(_make_upsert(renewed), rows)


@cache
def _make_upsert(renewed: tuple[str, ...]) -> TextClause:
    """Write it out as both databases read it; to have it made takes longer than to run it."""
    names = [column.name for column in _row]
    columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in renewed)
    clause = text(
        f"INSERT INTO sightings ({columns}) VALUES ({values})"  # noqa: S608 - our own words
        f" ON CONFLICT (user_id, device_key) DO UPDATE SET {changes}"
    )
    return clause.bindparams(*(bindparam(column.name, type_=column.type) for column in _row))


def _write(user_id: str, key: str, seen: DeviceSnapshot, now: datetime) -> dict[str, Any]:
    device = seen.device
    return {
        "user_id": user_id,
        "device_key": key,
        "type": device.type,
        "name": device.name,
        "version": device.version,
        "os_name": device.os.name,
        "os_version": device.os.version,
        "network": seen.network,
        "first_seen_at": now,
        "last_seen_at": now,
        "is_watched": False,
        "reported_at": None,
    }


def _read(row: AnyRow) -> KnownDevice:
    system = OperatingSystem(row.os_name, row.os_version)
    device = Device(row.type, row.name, row.version, os=system)
    return KnownDevice(
        DeviceSnapshot(device, row.network),
        row.first_seen_at,
        row.last_seen_at,
        row.is_watched,
        row.reported_at,
    )


_subscription: Final = watches.c

_TAKE: Final = (
    text("""
    UPDATE watches SET next_at = :next_at
    WHERE next_at <= :now AND user_id = (
        SELECT user_id FROM watches WHERE next_at <= :now ORDER BY next_at, user_id LIMIT 1
    )
    RETURNING user_id, username, since, next_at, trouble
""")
    .bindparams(bindparam("next_at", type_=UtcTime), bindparam("now", type_=UtcTime))
    .columns(since=UtcTime, next_at=UtcTime)
)


@dataclass(frozen=True, slots=True)
class AlertSubscription:
    """One person's alerts; ``trouble`` is why nobody can look at present, which they know."""

    user_id: str
    username: str
    since: datetime
    next_at: datetime
    trouble: str = ""


_COLUMNS: Final = tuple(_subscription[name] for name in list_names(AlertSubscription))


class AlertSubscriptions:
    """At most one watch for each user. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, watch: AlertSubscription) -> None:
        """Keep the watch; one that is there goes on as it is."""
        values = asdict(watch)
        await self._database.insert_or_ignore(watches, values)

    async def load(self, user_id: str) -> AlertSubscription | None:
        """Return the user's watch; None where there is none."""
        query = select(*_COLUMNS).where(_subscription.user_id == user_id)
        row = await self._database.fetch_one(query)
        return AlertSubscription(*row) if row else None

    async def count(self) -> int:
        """Count those who want to hear."""
        query = select(func.count()).select_from(watches)
        return int(await self._database.fetch_value(query))

    async def take(self, *, now: datetime, next_at: datetime) -> AlertSubscription | None:
        """Return the one that waits longest for a look, and put its next look off; or None."""
        values = {"now": now, "next_at": next_at}
        row = await self._database.write(
            lambda connection: connection.execute(_TAKE, values).one_or_none()
        )
        return AlertSubscription(*row) if row else None

    async def note(self, user_id: str, trouble: str) -> None:
        """Remember what stood in the way of the last look; nothing where nothing did."""
        statement = update(watches).where(_subscription.user_id == user_id).values(trouble=trouble)
        await self._database.execute(statement)

    async def delete(self, user_id: str) -> bool:
        """End the watch; false where there was none."""
        statement = delete(watches).where(_subscription.user_id == user_id)
        return await self._database.execute(statement) == 1
