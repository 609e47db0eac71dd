"""Reports that are due at the same time start at once where they are few, else one by one."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.schedule_rules import Frequency, ScheduleRule
from bot.features.reports.schedules import Schedules
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.tables import report_runs
from bot.storage.vault import KeyRing, Vault
from tests.support.clock import Clock

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@dataclass
class Process:
    """One process of the bot, as far as schedules go."""

    database: Database
    clock: Clock
    rate: float = 10.0

    def __post_init__(self) -> None:
        vault = Vault(KeyRing([bytes(32)]), "https://chat.example.org")
        self.accounts = Accounts(self.database, vault)
        self.schedules = Schedules(self.database, self.accounts, self.clock.now, lambda: self.rate)

    async def subscribe(self, names: str, at: datetime = NINE) -> None:
        for name in names:
            account = ConnectedAccount(name, name, "oauth", self.clock.now(), utc_offset=0.0)
            await self.accounts.save(account, AuthToken(name, SecretStr("token")))
            rule = ScheduleRule(Frequency.DAILY, at.hour, at.minute)
            await self.schedules.save(account, rule)

    async def start_at(self, moment: datetime) -> list[timedelta]:
        """Create the runs that are due then; return when each starts, after its time."""
        self.clock.move_to(moment)
        await self.schedules.create_due_runs()
        query = select(report_runs.c.claimable_at, report_runs.c.due_at)
        rows = await self.database.fetch_all(query.order_by(report_runs.c.claimable_at))
        return [claimable_at - due_at for claimable_at, due_at in rows]


@pytest.fixture
async def process(storage_url: str) -> AsyncIterator[Process]:
    async with open_database(storage_url) as database:
        yield Process(database, Clock(NINE - 2 * MINUTE))


async def test_three_people_at_nine_get_their_reports_at_nine(process: Process) -> None:
    await process.subscribe("abc")
    assert await process.start_at(NINE - SECOND) == []
    starts = await process.start_at(NINE + SECOND)
    assert len(starts) == 3
    assert max(starts) <= SECOND


async def test_thirty_people_at_nine_leave_half_of_the_calls_to_others(process: Process) -> None:
    await process.subscribe("abcdefghijklmnopqrstuvwxyz1234")
    starts = await process.start_at(NINE + SECOND)
    assert len(starts) == 30
    for minute in range(6):
        # Where five a minute start, and the few that start at once.
        assert sum(start < (minute + 1) * MINUTE for start in starts) <= 5 * minute + 9
    assert starts[-1] <= 5 * MINUTE + SECOND


async def test_without_a_limit_thirty_people_get_their_reports_at_once(process: Process) -> None:
    process.rate = math.inf
    await process.subscribe("abcdefghijklmnopqrstuvwxyz1234")
    starts = await process.start_at(NINE + SECOND)
    assert len(starts) == 30
    assert max(starts) <= SECOND


async def test_whose_time_comes_while_others_wait_starts_after_them(process: Process) -> None:
    await process.subscribe("abcdefghijklmnopqrst")
    await process.subscribe("z", NINE + MINUTE)
    before = await process.start_at(NINE + SECOND)
    [last] = set(await process.start_at(NINE + MINUTE + SECOND)) - set(before)
    assert last > before[-1] - MINUTE


async def test_two_processes_start_each_report_once(process: Process, storage_url: str) -> None:
    names = "abcdefghijklmnopqrstuvwxyz1234"
    await process.subscribe(names)
    async with open_database(storage_url) as database:
        other = Process(database, process.clock)
        moment = NINE + SECOND
        results = await asyncio.gather(process.start_at(moment), other.start_at(moment))
        starts = await other.start_at(moment)
    assert len(starts) == len(names)
    assert max(map(len, results)) == len(names)
    assert starts[-1] > 2 * MINUTE
