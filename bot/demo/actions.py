"""What the buttons of the demo's page do: let time pass until a report is due, be an attacker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.features.alerts.store import AlertSubscriptions
from bot.features.reports.runs import ReportRuns
from bot.features.reports.store import Schedule, ScheduleStore
from bot.storage.database import open_database
from rocketchat_simulator import Document, Simulator, User
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.devices import UNKNOWN_DEVICES

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_MAX_STEPS: Final = 40
_BEAT: Final = 0.1
_TICK: Final = timedelta(seconds=20)
_MAX_TICKS: Final = 10
_MAX_BEATS: Final = 50


@asynccontextmanager
async def open_deeds(
    simulator: Simulator, clock: DemoClock, storage_url: str
) -> AsyncIterator[None]:
    """Put the buttons on the simulator's page, for as long as the block lasts."""
    async with open_database(storage_url) as database:
        memory = _Memory(
            ScheduleStore(database), ReportRuns(database), AlertSubscriptions(database)
        )
        deeds = DemoActions(simulator, clock, memory)
        simulator.demo.actions.update(
            {"attack": deeds.attack, "next-report": deeds.pass_to_next_report}
        )
        try:
            yield
        finally:
            simulator.demo.actions.clear()


@dataclass(frozen=True, slots=True)
class _Memory:
    """Where the bot writes what it has to do."""

    schedules: ScheduleStore
    slots: ReportRuns
    watches: AlertSubscriptions


class DemoActions:
    """One at a time; the bot finds out by itself, as always."""

    def __init__(self, simulator: Simulator, clock: DemoClock, memory: _Memory) -> None:
        self._workspace: Final = simulator.workspace
        self._clock: Final = clock
        self._memory: Final = memory
        self._in_turn: Final = asyncio.Lock()
        self._attacks = 0

    async def pass_to_next_report(self, user: User) -> Document:
        """Let time pass until the next report of anybody is made."""
        async with self._in_turn:
            due = await self._memory.schedules.load_due(_NEVER, 1)
            if not due:
                told = "Nobody has planned a report yet."
                return {"message": told, "suggestion": "!report daily 09:00"}
            await self._pass_to(due[0].start_at)
            return {"message": _describe(due[0], user)}

    async def attack(self, user: User) -> Document:
        """Sign in as the user from a device that nobody knows; wait for the bot's next look."""
        async with self._in_turn:
            name = self._sign_in(user)
            watch = await self._memory.watches.load(user.id)
            if watch is None:
                told = f"{name} has signed in as you, and nobody tells you."
                return {"message": told, "suggestion": "!alerts on"}
            await self._pass_to(watch.next_check_at)
            await self._wait_for_look(user, watch.next_check_at)
            return {"message": f"{name} has signed in as you. The bot has just looked."}

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
        """Go there in steps: what is to be done every day must find its time."""
        step = max(_DAY, (moment - self._clock.now()) / _MAX_STEPS)
        while self._clock.now() < moment:
            await self._let_finish()
            self._clock.move_to(min(moment, self._clock.now() + step))
            self._workspace.roll_over_midnight()
            await asyncio.sleep(_BEAT)

    async def _let_finish(self) -> None:
        """Wait for reports in the making: their claims would have run out in between."""
        for _ in range(_MAX_BEATS):
            if not await self._memory.slots.load_claimable(_NEVER, 1):
                return
            await asyncio.sleep(_BEAT)

    async def _wait_for_look(self, user: User, planned: datetime) -> None:
        # The bot looks after one person at a time: it may be somebody else's turn first.
        for _ in range(_MAX_TICKS):
            watch = await self._memory.watches.load(user.id)
            if watch is None or watch.next_check_at > planned:
                return
            await self._pass_to(self._clock.now() + _TICK)


def _describe(schedule: Schedule, user: User) -> str:
    if schedule.user_id != user.id:
        return "Somebody else's report is due: it comes in their direct message."
    if schedule.is_only_changes:
        return "Your report is due; it comes if something has changed."
    return "Your report is due."
