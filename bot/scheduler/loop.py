"""The third way in: the clock. Finds what is due, has it done, and tries again what failed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BotError, StorageError, TokenRejectedError
from bot.scheduler.errands import Errands
from bot.services.alerts import LOOKS_PER_MINUTE, Alerts
from bot.services.plans import Plans
from bot.storage.slots import Slot, Slots

TICK: Final = 60.0 / LOOKS_PER_MINUTE
"""Seconds between two looks at what is due. One alert is looked after in each."""

LEASE: Final = timedelta(minutes=5)
_PATIENCE: Final = 240.0  # less than the lease, so that nobody else begins while it is under way
_AT_ONCE: Final = 4
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=30)
_KEPT: Final = timedelta(days=30)
_SWEEP_EVERY: Final = timedelta(hours=12)


class Scheduler:
    """Does errands when their time has come, however many processes share them.

    ``sleep`` waits for so many seconds.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it asks, what it does, and the clock
        self,
        plans: Plans,
        alerts: Alerts,
        slots: Slots,
        errands: Errands,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._plans: Final = plans
        self._alerts: Final = alerts
        self._slots: Final = slots
        self._errands: Final = errands
        self._now: Final = now
        self._sleep: Final = sleep
        self._name: Final = secrets.token_hex(4)
        self._busy: Final[set[str]] = set()
        self._swept_at: datetime | None = None
        self._log = structlog.get_logger("scheduler")

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._tick(tasks)
                except StorageError as error:
                    self._log.error("schedules could not be read", problem=str(error))
                await self._sleep(TICK)

    async def _tick(self, tasks: asyncio.TaskGroup) -> None:
        await self._plans.open_due()
        for number in range(_AT_ONCE):
            self._start(tasks, f"reports {number}", self._work_off)
        self._start(tasks, "alerts", self._look)
        await self._sweep()

    def _start(
        self, tasks: asyncio.TaskGroup, name: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        if name not in self._busy:
            self._busy.add(name)
            tasks.create_task(self._survive(name, work))

    async def _survive(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TokenRejectedError:
            raise
        except (BotError, TimeoutError) as error:
            self._log.warning("an errand failed", errand=name, problem=repr(error))
        except Exception:  # noqa: BLE001 - one errand's surprise must not end all others
            self._log.exception("an errand went wrong", errand=name)
        finally:
            self._busy.discard(name)

    async def _work_off(self) -> None:
        """Make reports until none is due."""
        while True:
            now = self._now()
            slot = await self._slots.claim(now=now, by=self._name, until=now + LEASE)
            if slot is None:
                return
            await self._make(slot)

    async def _make(self, slot: Slot) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                outcome = await self._errands.report(slot)
        except (BotError, TimeoutError) as error:
            await self._put_off(slot, error)
            if isinstance(error, TokenRejectedError):
                raise
        except asyncio.CancelledError:
            # The program ends; the next one to start need not wait.
            await self._slots.release(slot, by=self._name, free_at=self._now())
            raise
        except Exception as error:
            await self._put_off(slot, error)
            raise
        else:
            await self._slots.finish(slot, outcome, self._now())
            self._log.info("a report was due", outcome=outcome, user_id=slot.user_id)

    async def _put_off(self, slot: Slot, error: Exception) -> None:
        free_at = self._pause_after(slot)
        await self._slots.release(slot, by=self._name, free_at=free_at)
        self._log.warning("a report is put off", until=str(free_at), problem=repr(error))

    def _pause_after(self, slot: Slot) -> datetime:
        return self._now() + min(_FIRST_PAUSE * (1 << min(slot.tries - 1, 10)), _LONGEST_PAUSE)

    async def _look(self) -> None:
        """Look after the one alert whose turn it is."""
        watch = await self._alerts.take()
        if watch is None:
            return
        async with asyncio.timeout(_PATIENCE):
            found = await self._errands.look(watch)
        if found:
            self._log.info("new devices were seen", count=found, user_id=watch.user_id)

    async def _sweep(self) -> None:
        now = self._now()
        if self._swept_at is None or now - self._swept_at > _SWEEP_EVERY:
            self._swept_at = now
            await self._slots.sweep(now - _KEPT)
