"""Work by the clock without listening: another pair of hands for a bot on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog

from bot.clockwork import SharedClockwork, open_shared_clockwork
from bot.config import Settings
from bot.features.status_report.counters import CounterStore
from bot.ground import AppOverrides, open_premises
from bot.web.server import add_metrics, make_health_app, open_web_server


class Worker:
    """Makes reports and looks for new devices, as every ``session-bot run`` does beside."""

    def __init__(self, clockwork: SharedClockwork, books: CounterStore, public_url: str) -> None:
        self._clockwork: Final = clockwork
        self._books: Final = books
        self.public_url: Final = public_url

    @property
    def is_alive(self) -> bool:
        """Whether its loop turns; if not, only a new start helps."""
        return self._clockwork.is_alive

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError, in a group, where the bot is refused."""
        structlog.get_logger("worker").info("working")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._clockwork.run())
            tasks.create_task(self._books.run())


@asynccontextmanager
async def open_worker(
    settings: Settings, surroundings: AppOverrides | None = None
) -> AsyncIterator[Worker]:
    """Build the worker, which answers nothing over the web but how it is.

    Waits for the workspace for as long as it takes. Raises ConfigError, StorageError, and
    TokenRejectedError where the bot's own token is refused.
    """
    async with AsyncExitStack() as stack:
        premises = await open_premises(stack, settings, surroundings or AppOverrides())
        ground, parts = premises.ground, premises.clock_parts
        opening = open_shared_clockwork(parts, settings.storage.url, ground.surroundings.sleep)
        clockwork = await stack.enter_async_context(opening)
        worker = Worker(clockwork, ground.books, premises.public_url)
        app = make_health_app(lambda: worker.is_alive)
        if settings.web.metrics:
            add_metrics(app, ground.render_metrics)
        await stack.enter_async_context(open_web_server(app, premises.listening))
        yield worker
