"""The buttons of the demo's page: pass time until a report is due, sign in as an attacker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.features.alerts.store import AlertSubscriptions
from bot.features.reports.runs import ReportRuns
from bot.features.reports.store import Schedule, ScheduleStore
from bot.storage.database import Database, open_database
from rocketchat_simulator import Document, Simulator, User
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.devices import UNKNOWN_DEVICES

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MAX_STEPS: Final = 40
_POLL_EVERY_S: Final = 0.1
_TICK: Final = timedelta(seconds=20)
_MAX_TICKS: Final = 10
_MAX_POLLS: Final = 50


@asynccontextmanager
async def open_actions(
    simulator: Simulator, clock: DemoClock, storage_url: str
) -> AsyncIterator[None]:
    """Put the buttons on the simulator's page, for as long as the block lasts."""
    async with open_database(storage_url) as database:
        actions = DemoActions(simulator, clock, database)
        simulator.demo.actions.update(
            {"attack": actions.attack, "next-report": actions.pass_to_next_report}
        )
        try:
            yield
        finally:
            simulator.demo.actions.clear()


class DemoActions:
    """Does one action at a time; the bot finds out by itself, as it always does."""

    def __init__(self, simulator: Simulator, clock: DemoClock, database: Database) -> None:
        self._workspace: Final = simulator.workspace
        self._clock: Final = clock
        self._schedules: Final = ScheduleStore(database)
        self._runs: Final = ReportRuns(database)
        self._subscriptions: Final = AlertSubscriptions(database)
        self._lock: Final = asyncio.Lock()
        self._attacks = 0

    async def pass_to_next_report(self, user: User) -> Document:
        """Let time pass until the next report, of any person, is made."""
        async with self._lock:
            due = await self._schedules.load_due(_NEVER, 1)
            if not due:
                message = "Nobody has scheduled a report yet."
                return {"message": message, "suggestion": "!report daily 09:00"}
            await self._pass_to(due[0].start_at)
            return {"message": _describe(due[0], user)}

    async def attack(self, user: User) -> Document:
        """Sign in as the user from an unknown device; wait for the bot's next check."""
        async with self._lock:
            name = self._sign_in(user)
            subscription = await self._subscriptions.load(user.id)
            if subscription is None:
                message = f"{name} has signed in as you, and your alerts are off."
                return {"message": message, "suggestion": "!alerts on"}
            await self._pass_to(subscription.next_check_at)
            await self._wait_for_check(user, subscription.next_check_at)
            return {"message": f"{name} has signed in as you. The bot has just checked."}

    def _sign_in(self, user: User) -> str:
        device = UNKNOWN_DEVICES[self._attacks % len(UNKNOWN_DEVICES)]
        self._attacks += 1
        self._workspace.open_session(
            user,
            token=self._workspace.make_login_token(user),
            device=device,
            # From the range kept for measurements: a network of its own each time.
            ip=f"198.18.{self._attacks % 256}.{self._attacks % 200 + 20}",
            host="chat.example.org",
        )
        return f"{device['name']} on {device['os']['name']}"

    async def _pass_to(self, moment: datetime) -> None:
        """Move the clock in steps, so that daily work is done on each day."""
        step = max(_DAY, (moment - self._clock.now()) / _MAX_STEPS)
        while self._clock.now() < moment:
            await self._let_finish()
            self._clock.move_to(min(moment, self._clock.now() + step))
            self._workspace.roll_over_midnight()
            await asyncio.sleep(_POLL_EVERY_S)

    async def _let_finish(self) -> None:
        """Wait for reports that are being made: their claims would expire meanwhile."""
        for _ in range(_MAX_POLLS):
            if not await self._runs.load_claimable(_NEVER, 1):
                return
            await asyncio.sleep(_POLL_EVERY_S)

    async def _wait_for_check(self, user: User, due_at: datetime) -> None:
        # The bot checks one person at a time, perhaps somebody else first.
        for _ in range(_MAX_TICKS):
            subscription = await self._subscriptions.load(user.id)
            if subscription is None or subscription.next_check_at > due_at:
                return
            await self._pass_to(self._clock.now() + _TICK)


def _describe(schedule: Schedule, user: User) -> str:
    if schedule.user_id != user.id:
        return "The report of another person is due: it comes in their direct messages."
    if schedule.is_only_changes:
        return "Your report is due; it comes if something has changed."
    return "Your report is due."
