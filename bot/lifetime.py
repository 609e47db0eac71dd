"""The bot at work, from its start to a stop in good order."""

import asyncio
from typing import Final

from bot.clockwork import Clockwork
from bot.dispatcher.builder import Reception
from bot.features.accounts.maintenance import Maintenance
from bot.features.status_report.status_report import OperatorTasks
from bot.rocketchat.realtime import RealtimeClient

_TIME_TO_FINISH: Final = 10.0


class Bot:
    """The bot with all its parts; ``run`` sets them to work."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that works
        self,
        reception: Reception,
        realtime: RealtimeClient,
        upkeep: Maintenance,
        scheduler: Clockwork,
        oversight: OperatorTasks,
        public_url: str,
    ) -> None:
        self._scheduler: Final = scheduler
        self._oversight: Final = oversight
        self._dispatcher: Final = reception.dispatcher
        self._health: Final = reception.health
        self._realtime: Final = realtime
        self._upkeep: Final = upkeep
        self.public_url: Final = public_url

    @property
    def is_ready(self) -> bool:
        """Whether it hears people and can answer them."""
        is_listening = self._realtime.is_live and not self._dispatcher.is_stopping
        return is_listening and self._health.is_good and self.is_alive

    @property
    def is_alive(self) -> bool:
        """Whether its loops turn; if not, only a new start helps."""
        return self._dispatcher.is_alive

    async def run(self) -> None:
        """Work until cancelled, then finish, within 10 s, the answers that are being given.

        Raises TokenRejectedError, in a group, where the workspace refuses the bot.
        """
        async with asyncio.TaskGroup() as tasks:
            dispatching = tasks.create_task(self._dispatcher.run())
            tasks.create_task(self._realtime.run())
            background = (self._upkeep.run(), self._scheduler.run(), self._oversight.run())
            in_background = [tasks.create_task(work) for work in background]
            try:
                await asyncio.wait([dispatching])
            except asyncio.CancelledError:
                for task in in_background:
                    task.cancel()
                self._dispatcher.stop()
                await asyncio.wait([dispatching], timeout=_TIME_TO_FINISH)
                raise
