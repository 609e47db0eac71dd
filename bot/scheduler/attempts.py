"""One attempt at an errand, and what is noted of how it ended."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.errors import BotError, StorageError, TokenRejectedError
from bot.scheduler.errands import Errands
from bot.storage.slots import Slot, Slots
from bot.storage.watches import Watch

LEASE: Final = timedelta(seconds=15)
"""How long a claim lasts whose process is not heard of any more."""

AT_ONCE: Final = 24
"""How many reports a process makes side by side: so many share trips to the database."""

_RENEW_EVERY: Final = 3.0  # seconds
# Four processes with all their reports in hand share ten calls a minute for nine minutes and more.
_PATIENCE: Final = 900.0
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=30)


class Attempts:
    """Tries errands. What may pass is put off; what a person must put right is the last word."""

    def __init__(self, errands: Errands, slots: Slots, now: Callable[[], datetime]) -> None:
        self._errands: Final = errands
        self._slots: Final = slots
        self._now: Final = now
        self._log = structlog.get_logger("scheduler")

    async def report(self, slot: Slot, by: str) -> None:
        """Make the report of a slot that ``by`` has claimed; finish the slot or put it off.

        Raises TokenRejectedError where the workspace refuses the bot, StorageError where the end
        could not be noted, and whatever nobody thought of.
        """
        try:
            outcome = await self._make(slot, by)
        except (BotError, TimeoutError) as error:
            await self._put_off(slot, by, error)
            if isinstance(error, TokenRejectedError):
                raise
        except asyncio.CancelledError:
            # The program ends; the next one to start need not wait.
            with suppress(StorageError):
                await self._slots.release(slot, by=by, free_at=self._now())
            raise
        except Exception as error:
            await self._put_off(slot, by, error)
            raise
        else:
            await self._slots.finish(slot, outcome, self._now())
            self._log.info("a report was due", outcome=outcome, user_id=slot.user_id)

    async def look(self, watch: Watch) -> None:
        """Look for new devices; raises BotError and TimeoutError, and is tried at its next turn."""
        async with asyncio.timeout(_PATIENCE):
            found = await self._errands.look(watch)
        if found:
            self._log.info("new devices were seen", count=found, user_id=watch.user_id)

    async def _make(self, slot: Slot, by: str) -> str:
        """Make the report, and let nobody else begin with it meanwhile."""
        holding = asyncio.create_task(self._hold(slot, by))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._errands.report(slot)
        finally:
            holding.cancel()
            await asyncio.wait([holding])

    async def _hold(self, slot: Slot, by: str) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            with suppress(StorageError):
                await self._slots.hold(slot, by=by, until=self._now() + LEASE)

    async def _put_off(self, slot: Slot, by: str, error: Exception) -> None:
        free_at = self._now() + find_pause(slot.tries)
        await self._slots.release(slot, by=by, free_at=free_at)
        self._log.warning("a report is put off", until=str(free_at), problem=repr(error))


def find_pause(tries: int) -> timedelta:
    """Give the time to wait after so many tries have failed."""
    return min(_FIRST_PAUSE * (1 << min(tries - 1, 10)), _LONGEST_PAUSE)
