from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, select, text

from bot.errors import StorageError
from bot.storage.database import open_database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import UtcTime, checkpoints

AT = datetime(2026, 11, 23, 20, 15, 30, 123456, tzinfo=UTC)
_row = checkpoints.c
SAVE = BareStatement(
    text(
        "INSERT INTO checkpoints (bot_id, started_at, received_until, written_at)"
        " VALUES (:bot, :until, :until, :now)"
    ).bindparams(bindparam("until", type_=UtcTime), bindparam("now", type_=UtcTime))
)
LOAD = BareStatement(
    select(_row.bot_id, _row.received_until, _row.written_at)
    .where(_row.received_until >= bindparam("since"))
    .order_by(_row.bot_id)
)


async def test_it_gives_what_was_kept_whatever_the_database(storage_url: str) -> None:
    later = AT + timedelta(days=1)
    async with open_database(storage_url) as database:
        for bot in ("one", "two"):
            values = {"bot": bot, "until": AT, "now": later}
            assert await database.write(SAVE.bind(values)) == []
        found = await database.read(LOAD.bind({"since": AT}))
        assert found == [("one", AT, later), ("two", AT, later)]
        assert await database.read(LOAD.bind({"since": later})) == []


async def test_what_fails_leaves_nothing_and_is_told_as_ever(storage_url: str) -> None:
    values = {"bot": "one", "until": AT, "now": AT}
    async with open_database(storage_url) as database:
        with pytest.raises(StorageError) as told:
            await database.write(lambda c: [SAVE.run(c, values) for _ in range(2)])
        assert "one" not in str(told.value)
        assert await database.read(LOAD.bind({"since": AT})) == []


async def test_a_time_without_a_zone_is_refused(storage_url: str) -> None:
    values = {"bot": "one", "until": AT.replace(tzinfo=None), "now": AT}
    async with open_database(storage_url) as database:
        with pytest.raises(StorageError):
            await database.write(SAVE.bind(values))
        assert await database.read(LOAD.bind({"since": AT})) == []
