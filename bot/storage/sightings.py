"""The devices that were seen of each person: program, system and network, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, bindparam, delete, or_, select, update

from bot.devices import Seen
from bot.models import Device, OperatingSystem
from bot.storage.database import Database
from bot.storage.tables import make_insert, sightings

KEPT: Final = timedelta(days=400)
"""What was not seen for so long is forgotten."""

_row: Final = sightings.c
_LOAD: Final = select(sightings).where(_row.user_id == bindparam("user_id"))


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device as it is remembered.

    ``is_watched`` once alerts know it; ``reported_at`` is the time of the last report, where the
    device was in that one. What it looks like is as that report said.
    """

    seen: Seen
    first_seen_at: datetime
    last_seen_at: datetime
    is_watched: bool
    reported_at: datetime | None


class Sightings:
    """What was seen, by user and device key. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, user_id: str) -> dict[str, Sighting]:
        """Give the user's devices by their keys."""
        values = {"user_id": user_id}
        rows = await self._database.read(
            lambda connection: connection.execute(_LOAD, values).mappings().all()
        )
        return {row["device_key"]: _read(row) for row in rows}

    async def watch(self, user_id: str, seen: Mapping[str, Seen], now: datetime) -> None:
        """Add what alerts have seen; how reports remember it stays."""

        def write(connection: Connection) -> None:
            rows = [_write(user_id, key, each, now) for key, each in seen.items()]
            rows = [row | {"is_watched": True} for row in rows]
            _upsert(connection, rows, "is_watched", "last_seen_at")
            _forget_old(connection, user_id, now)

        await self._database.run(write)

    async def report(self, user_id: str, seen: Mapping[str, Seen], now: datetime) -> None:
        """Replace what the last report had."""
        clear = update(sightings).where(_row.user_id == user_id).values(reported_at=None)
        kept = {"user_id", "device_key", "first_seen_at", "is_watched"}
        renewed = [column.name for column in _row if column.name not in kept]

        def write(connection: Connection) -> None:
            connection.execute(clear)
            rows = [_write(user_id, key, each, now) for key, each in seen.items()]
            _upsert(connection, [row | {"reported_at": now} for row in rows], *renewed)
            _forget_old(connection, user_id, now)

        await self._database.run(write)

    async def end_watch(self, user_id: str) -> None:
        """Forget what only alerts know."""
        only_watched = delete(sightings).where(_row.user_id == user_id, _row.reported_at.is_(None))
        unwatch = update(sightings).where(_row.user_id == user_id).values(is_watched=False)

        def write(connection: Connection) -> None:
            connection.execute(only_watched)
            connection.execute(unwatch)

        await self._database.run(write)

    async def delete(self, user_id: str) -> None:
        """Forget everything that was seen of the user."""
        statement = delete(sightings).where(_row.user_id == user_id)
        await self._database.run(lambda connection: connection.execute(statement))


def _forget_old(connection: Connection, user_id: str, now: datetime) -> None:
    is_useless = and_(_row.is_watched.is_(False), _row.reported_at.is_(None))
    is_old = or_(_row.last_seen_at < now - KEPT, is_useless)
    connection.execute(delete(sightings).where(_row.user_id == user_id, is_old))


def _upsert(connection: Connection, rows: list[dict[str, Any]], *renewed: str) -> None:
    insert = make_insert(connection, sightings)
    statement = insert.on_conflict_do_update(
        index_elements=["user_id", "device_key"],
        set_={name: insert.excluded[name] for name in renewed},
    )
    if rows:
        connection.execute(statement, rows)


def _write(user_id: str, key: str, seen: Seen, now: datetime) -> dict[str, Any]:
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


def _read(row: RowMapping) -> Sighting:
    system = OperatingSystem(row["os_name"], row["os_version"])
    device = Device(row["type"], row["name"], row["version"], os=system)
    return Sighting(
        Seen(device, row["network"]),
        row["first_seen_at"],
        row["last_seen_at"],
        row["is_watched"],
        row["reported_at"],
    )
