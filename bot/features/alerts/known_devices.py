"""The devices that are known of each user: program, system and network, and no more."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    TextClause,
    and_,
    bindparam,
    delete,
    or_,
    select,
    text,
    update,
)

from bot.features.sessions.devices import DeviceSnapshot
from bot.models import Device, OperatingSystem
from bot.storage.database import AnyRow, Database
from bot.storage.tables import known_devices, select_account

KEPT: Final = timedelta(days=400)
"""A device that was not seen for so long is deleted."""

_row: Final = known_devices.c
_LOAD: Final = select(known_devices).where(_row.user_id == bindparam("user_id"))
_CLEAR_REPORT: Final = (
    update(known_devices).where(_row.user_id == bindparam("of_user")).values(reported_at=None)
)
_is_useless: Final = and_(_row.is_known_to_alerts.is_(False), _row.reported_at.is_(None))
_DELETE_OLD: Final = delete(known_devices).where(
    _row.user_id == bindparam("of_user"),
    or_(_row.last_seen_at < bindparam("seen_before"), _is_useless),
)
_NEVER_UPDATED: Final = {
    "user_id",
    "device_key",
    "first_seen_at",
    "is_known_to_alerts",
    "announced_at",
}
_UPDATED_BY_ALERTS: Final = ("is_known_to_alerts", "last_seen_at")
_UPDATED_BY_REPORT: Final = tuple(
    column.name for column in _row if column.name not in _NEVER_UPDATED
)


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device as it was last reported.

    ``reported_at`` is the time of the last report, where the device was in that one;
    ``announced_at`` is when an alert or a report told of it as new.
    """

    snapshot: DeviceSnapshot
    first_seen_at: datetime
    last_seen_at: datetime
    is_known_to_alerts: bool
    reported_at: datetime | None
    announced_at: datetime | None = None


class KnownDevices:
    """The devices by user and device key, of people with an account.

    Every method raises StorageError.
    """

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def load(self, user_id: str) -> dict[str, KnownDevice]:
        """Return the user's devices by their keys."""
        rows = await self._database.fetch_all(_LOAD, {"user_id": user_id})
        return {row.device_key: _read(row) for row in rows}

    async def save_for_alerts(
        self,
        user_id: str,
        snapshots: Mapping[str, DeviceSnapshot],
        now: datetime,
        announced: Collection[str] = (),
    ) -> None:
        """Add what an alert check has seen; what reports know of these devices stays.

        ``announced`` are the keys of devices that the person has been told of as new.
        """
        await self._save(user_id, snapshots, now, announced, is_report=False)

    async def save_report(
        self,
        user_id: str,
        snapshots: Mapping[str, DeviceSnapshot],
        now: datetime,
        announced: Collection[str] = (),
    ) -> None:
        """Replace what the last report had; ``announced`` as in ``save_for_alerts``."""
        await self._save(user_id, snapshots, now, announced, is_report=True)

    async def _save(
        self,
        user_id: str,
        snapshots: Mapping[str, DeviceSnapshot],
        now: datetime,
        announced: Collection[str],
        *,
        is_report: bool,
    ) -> None:
        marks = {"is_known_to_alerts": not is_report, "reported_at": now if is_report else None}
        rows = [_values_of(user_id, key, each, now) | marks for key, each in snapshots.items()]
        upsert = _make_upsert(_UPDATED_BY_REPORT if is_report else _UPDATED_BY_ALERTS)
        is_announced = and_(_row.user_id == user_id, _row.device_key.in_(announced))

        def write(connection: Connection) -> None:
            if connection.execute(select_account(user_id)).first() is None:
                return
            if is_report:
                connection.execute(_CLEAR_REPORT, {"of_user": user_id})
            if rows:
                connection.execute(upsert, rows)
            connection.execute(update(known_devices).where(is_announced).values(announced_at=now))
            connection.execute(_DELETE_OLD, {"of_user": user_id, "seen_before": now - KEPT})

        await self._database.write(write)

    async def clear_announced(self, user_id: str, key: str) -> None:
        """Forget that the person was told of the device as new."""
        is_it = (_row.user_id == user_id, _row.device_key == key)
        await self._database.execute(update(known_devices).where(*is_it).values(announced_at=None))

    async def delete_for_alerts(self, user_id: str) -> None:
        """Delete what only alerts know."""
        unreported = delete(known_devices).where(
            _row.user_id == user_id, _row.reported_at.is_(None)
        )
        reported = update(known_devices).where(_row.user_id == user_id)

        def write(connection: Connection) -> None:
            connection.execute(unreported)
            connection.execute(reported.values(is_known_to_alerts=False))

        await self._database.write(write)


@cache
def _make_upsert(updated: tuple[str, ...]) -> TextClause:
    # As text, which both databases read: SQLAlchemy takes longer to build it than to run it.
    names = [column.name for column in _row]
    columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in updated)
    clause = text(
        f"INSERT INTO known_devices ({columns}) VALUES ({values})"  # noqa: S608 - column names
        f" ON CONFLICT (user_id, device_key) DO UPDATE SET {changes}"
    )
    return clause.bindparams(*(bindparam(column.name, type_=column.type) for column in _row))


def _values_of(user_id: str, key: str, snapshot: DeviceSnapshot, now: datetime) -> dict[str, Any]:
    device = snapshot.device
    return {
        "user_id": user_id,
        "device_key": key,
        "type": device.type,
        "name": device.name,
        "version": device.version,
        "os_name": device.os.name,
        "os_version": device.os.version,
        "network": snapshot.network,
        "first_seen_at": now,
        "last_seen_at": now,
        "announced_at": None,
    }


def _read(row: AnyRow) -> KnownDevice:
    system = OperatingSystem(row.os_name, row.os_version)
    device = Device(row.type, row.name, row.version, os=system)
    return KnownDevice(
        DeviceSnapshot(device, row.network),
        row.first_seen_at,
        row.last_seen_at,
        row.is_known_to_alerts,
        row.reported_at,
        row.announced_at,
    )
