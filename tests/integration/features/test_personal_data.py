"""What is shown and erased of a person, on both databases."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Table,
    insert,
    select,
)

from bot.features.accounts.audit import AuditAction, AuditTrail
from bot.features.alerts.known_devices import KnownDevices
from bot.features.alerts.store import AlertSubscription, AlertSubscriptions
from bot.features.personal_data import PersonalData
from bot.features.reports.store import Schedule, ScheduleStore
from bot.features.sessions.devices import DeviceSnapshot
from bot.features.sessions.sessions import DeviceNames, NumberedLists
from bot.models import Device
from bot.storage.database import open_database
from bot.storage.tables import UtcTime, device_names, inbox, metadata, select_account

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
PERSONAL = tuple(table for table in metadata.sorted_tables if "user_id" in table.c)


def make_value(column: Column[Any], user_id: str) -> object:
    if column.name == "user_id":
        return user_id
    if column.name == "groups":
        return '[["s1", "s2"]]'
    kinds = {UtcTime: NOW, Boolean: True, Integer: 1, Float: 1.0, LargeBinary: user_id.encode()}
    return next((v for k, v in kinds.items() if isinstance(column.type, k)), f"{user_id} text")


def fill(connection: Connection) -> None:
    for user_id in ("ann", "bob"):
        for table in PERSONAL:
            row = {each.name: make_value(each, user_id) for each in table.c if each.name != "id"}
            connection.execute(insert(table).values(row))
        waiting = {"message_id": user_id, "awaiting_user_id": user_id, "sender_id": user_id}
        times = {"sent_at": NOW, "claimed_until": NOW, "finished_at": NOW}
        values = {"room_id": user_id, "claimed_by": "", "reply_kind": "answer", **times, **waiting}
        connection.execute(insert(inbox).values(values))


def find_traces(connection: Connection) -> set[str]:
    return {
        table.name
        for table in (*PERSONAL, inbox)
        for row in connection.execute(select(table))
        # The inbox keeps the ids of messages, its first column.
        if "ann" in (row[1:] if table is inbox else row)
    }


def name_all(tables: tuple[Table, ...]) -> set[str]:
    return {table.name for table in tables}


async def test_a_person_is_erased_from_every_table_and_nobody_else_is(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await database.write(fill)
        data = PersonalData(database)
        bob = await data.load("bob")
        assert await database.write(find_traces) == name_all((*PERSONAL, inbox))
        await data.forget("ann")
        assert await database.write(find_traces) == set()
        assert await data.load("bob") == bob


async def test_everything_that_is_stored_is_counted(storage_url: str) -> None:
    async with open_database(storage_url) as database:
        await database.write(fill)
        stored = await PersonalData(database).load("ann")
    assert stored.has_open_link
    assert stored.has_alerts
    assert (stored.device_names, stored.listed_sessions) == (("ann text",), 2)
    assert (stored.audit_records, stored.seen_devices, stored.waiting_questions) == (1, 1, 1)


async def test_what_was_going_on_when_a_person_was_erased_writes_nothing_back(
    storage_url: str,
) -> None:
    async with open_database(storage_url) as database:
        await database.write(fill)
        await PersonalData(database).forget("ann")
        await NumberedLists(database).save("ann", [["s1"]], NOW)
        await DeviceNames(database).save("ann", "key", "tablet")
        snapshots = {"key": DeviceSnapshot(Device(), "network")}
        await KnownDevices(database).save_for_alerts("ann", snapshots, NOW, {"key"})
        await KnownDevices(database).save_report("ann", snapshots, NOW)
        await AlertSubscriptions(database).save(AlertSubscription("ann", NOW, NOW))
        await ScheduleStore(database).save(Schedule("ann", "daily 08:00", NOW, NOW))
        audit = AuditTrail(database, lambda: NOW)
        for action in AuditAction:
            await audit.note("ann", action, only_if=select_account("ann"))
        assert await database.write(find_traces) == set()


async def test_no_byte_of_what_was_erased_stays_in_the_files(tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/bot.db") as database:
        await database.write(fill)
        await database.write(lambda connection: fill_with_marks(connection, 300))
        assert MARK in read_files(tmp_path)
        await PersonalData(database).forget("ann")
        assert MARK not in read_files(tmp_path)
        assert (tmp_path / "bot.db-wal").stat().st_size == 0


MARK = b"a secret of ann"


def fill_with_marks(connection: Connection, number: int) -> None:
    for each in range(number):
        row = {"user_id": "ann", "device_key": f"{each} {MARK.decode()}", "name": MARK.decode()}
        connection.execute(insert(device_names).values(row))


def read_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
