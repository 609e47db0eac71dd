"""More reports are due every day than can be made in time: people take turns at being left out."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr

from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.runs import ReportRun, ReportRuns
from bot.features.reports.schedule_rules import SPREAD, Frequency, ScheduleRule
from bot.features.reports.schedules import Schedules
from bot.metrics import ReportOutcome
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.vault import KeyRing, Vault
from tests.support.clock import Clock

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAYS, PEOPLE, MADE_A_DAY = 10, 50, 30
HOUR = timedelta(hours=1)


@dataclass
class Service:
    """Schedules and runs, with a clock that is moved, and who was left out on each day."""

    database: Database
    clock: Clock = field(default_factory=lambda: Clock(MIDNIGHT))
    left_out: list[set[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = ReportRuns(self.database)
        vault = Vault(KeyRing([bytes(32)]), "https://chat.example.org")
        self.accounts = Accounts(self.database, vault)
        self.schedules = Schedules(self.database, self.accounts, self.clock.now, lambda: 10.0)

    async def subscribe(self, user_id: str, minute: int) -> None:
        account = ConnectedAccount(user_id, user_id, "oauth", MIDNIGHT, utc_offset=0.0)
        await self.accounts.save(account, AuthToken(user_id, SecretStr("token")))
        await self.schedules.save(account, ScheduleRule(Frequency.DAILY, 9, minute))

    async def pass_day(self, day: int, *, offers: bool) -> None:
        morning = MIDNIGHT + timedelta(days=day, hours=9)
        self.clock.move_to(morning + HOUR)
        await self.schedules.create_due_runs()
        made = await self.runs.load_claimable(self.clock.now(), MADE_A_DAY) if offers else []
        for number in range(MADE_A_DAY):
            run = made[number] if offers else await self.claim()
            assert run is not None
            await self.runs.finish(run, ReportOutcome.ON_TIME, self.clock.now())
            await self.schedules.store.clear_problems(run.user_id)
        self.clock.move_to(morning + 7 * HOUR)
        self.left_out.append(set())
        while (run := await self.claim()) is not None:
            self.left_out[-1].add(run.user_id)
            await self.schedules.store.count_skipped(run.user_id)
            await self.runs.finish(run, ReportOutcome.SKIPPED, self.clock.now())

    async def claim(self) -> ReportRun | None:
        now = self.clock.now()
        return await self.runs.claim(now=now, by="one", until=now + SPREAD)


@pytest.mark.parametrize("offers", [False, True], ids=["claimed", "offered"])
async def test_nobody_is_left_out_twice_in_a_row_or_always(
    storage_url: str,
    offers: bool,
) -> None:
    async with open_database(storage_url) as database:
        service = Service(database)
        for number in range(PEOPLE):
            # Some are due later than as many others as can be made.
            await service.subscribe(f"person {number}", 10 * (number > MADE_A_DAY + 5))
        for day in range(DAYS):
            await service.pass_day(day, offers=offers)
    for before, after in pairwise(service.left_out):
        assert len(after) == PEOPLE - MADE_A_DAY
        assert not before & after
    times = Counter(user_id for day in service.left_out for user_id in day)
    assert len(times) == PEOPLE
    assert max(times.values()) <= DAYS / 2
