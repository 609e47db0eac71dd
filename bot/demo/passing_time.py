"""What happens by the clock in the demo: reports come due, and attackers are noticed."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.features.alerts.store import AlertSubscriptions
from bot.features.reports.runs import ReportRuns
from bot.features.reports.store import Schedule, ScheduleStore
from bot.storage.database import Database
from rocketchat_simulator import Document, User, Workspace
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.devices import UNKNOWN_DEVICES

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MAX_STEPS: Final = 40
_POLL_EVERY_S: Final = 0.1
_TICK: Final = timedelta(seconds=20)
_MAX_TICKS: Final = 10
_MAX_POLLS: Final = 50


class PassingTime:
    """Moves the demo's clock; the bot does what is due, as it always does."""

    def __init__(self, workspace: Workspace, clock: DemoClock, database: Database) -> None:
        self._workspace: Final = workspace
        self._clock: Final = clock
        self._schedules: Final = ScheduleStore(database)
        self._runs: Final = ReportRuns(database)
        self._subscriptions: Final = AlertSubscriptions(database)
        self._attacks = 0

    async def pass_to_report(self, user: User) -> AsyncGenerator[Document]:
        """Let time pass until the next report, of any person, is made."""
        due = await self._schedules.load_due(_NEVER, 1)
        if not due:
            message = "Nobody has scheduled a report yet. This schedules one:"
            yield {"message": message, "suggestion": "!report daily 09:00"}
            return
        yield {"message": "Time passes…", "isBusy": True}
        await self._pass_to(due[0].start_at)
        yield {"message": _describe(due[0], user)}

    async def attack(self, user: User) -> AsyncGenerator[Document]:
        """Sign in as the user from an unknown device; wait for the bot's next check."""
        name = self._sign_in(user)
        subscription = await self._subscriptions.load(user.id)
        if subscription is None:
            message = f"{name} has signed in as you, and your alerts are off. This turns them on:"
            yield {"message": message, "suggestion": "!alerts on"}
            return
        yield {"message": f"{name} signs in as you…", "isBusy": True}
        await self._pass_to(subscription.next_check_at)
        await self._wait_for_check(user, subscription.next_check_at)
        yield {"message": f"{name} has signed in as you. The bot has just checked."}

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
