"""What the bot does for its operator while it runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from bot.errors import StorageError
from bot.operations.bookkeeping import Bookkeeping
from bot.operations.capacity import describe, estimate
from bot.operations.own_report import SESSIONS, OwnReport
from bot.rocketchat.rate_limit import RateBudget
from bot.storage.database import Database
from bot.storage.demand import load_demand


@dataclass(frozen=True, slots=True)
class OversightParts:
    """What it looks after; ``grace`` is how late a report may be, ``bot_id`` the bot's own id."""

    books: Bookkeeping
    own_report: OwnReport
    database: Database
    budget: RateBudget
    bot_id: str
    grace: timedelta


class Oversight:
    """Plans the bot's own report, says what the rate limit means, and keeps the books."""

    def __init__(self, parts: OversightParts) -> None:
        self._parts: Final = parts
        self._log = structlog.get_logger("oversight")

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._parts.own_report.arrange()
            await self._tell_capacity()
        except StorageError as error:
            self._log.warning("the operator's report could not be planned", problem=str(error))
        await self._parts.own_report.check_room()
        await self._parts.books.run()

    async def _tell_capacity(self) -> None:
        parts = self._parts
        demand = await load_demand(parts.database, parts.bot_id)
        capacity = estimate(demand, parts.budget.allowed.get(SESSIONS))
        self._log.info("capacity", estimate="; ".join(describe(capacity, parts.grace)))
