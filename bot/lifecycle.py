"""Running and stopping: the listening bot, and the worker that runs scheduled jobs only."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from bot.dispatcher.dispatcher import Dispatcher
from bot.errors import BotError
from bot.rocketchat.realtime import RealtimeClient

if TYPE_CHECKING:
    # procrastinate is an extra
    from bot.scheduler.shared.cluster import Cluster

HOUR_S: Final = 3600.0
_SHUTDOWN_TIMEOUT_S: Final = 10.0

Loop = Callable[[], Coroutine[Any, Any, None]]
FetchVersion = Callable[[], Awaitable[str]]
T = TypeVar("T")


async def open_with_retries(
    stack: AsyncExitStack,
    open_once: Callable[[AsyncExitStack], Awaitable[T]],
    *,
    transient_errors: tuple[type[BotError], ...],
    timeout_s: float,
    pause_s: float,
) -> T:
    """Return what ``open_once`` opens on the stack; try again after a transient error.

    What a try has opened is closed before the next. Raises one of the
    ``transient_errors`` only later than ``timeout_s`` after the first try, every other at once.
    """
    loop, log = asyncio.get_running_loop(), structlog.get_logger("start")
    give_up_at = loop.time() + timeout_s
    while True:
        async with AsyncExitStack() as opened:
            try:
                result = await open_once(opened)
            except transient_errors as error:
                if loop.time() >= give_up_at:
                    raise
                problem = str(error)
            else:
                stack.push_async_exit(opened.pop_all())
                return result
        log.warning("cannot start yet; trying again", problem=problem, pause=pause_s)
        await asyncio.sleep(pause_s)


class Bot:
    """Listens and answers; ``background`` are the loops that a stop cancels at once.

    ``hourly`` is done at the start and every hour, what raises BotError then again an hour later.
    ``on_listening`` is called each time it has caught up on a new connection, ``on_online`` with
    the id of each followed user who comes online. ``public_url`` is where browsers reach its pages;
    ``fetch_version`` returns the workspace's version, and raises WorkspaceError.
    """

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        realtime: RealtimeClient,
        background: Sequence[Loop],
        hourly: Sequence[Loop],
        sleep: Callable[[float], Awaitable[None]],
        on_listening: Callable[[], None],
        on_online: Callable[[str], None],
        public_url: str,
        fetch_version: FetchVersion,
    ) -> None:
        self._dispatcher: Final = dispatcher
        self._receiver: Final = dispatcher.receiver
        self._realtime: Final = realtime
        repeated = [partial(self._repeat, work) for work in hourly]
        self._background: Final[Sequence[Loop]] = [*background, *repeated]
        self._sleep: Final = sleep
        self._on_listening: Final = on_listening
        self._on_online: Final = on_online
        self.public_url: Final = public_url
        self.fetch_version: Final = fetch_version

    @property
    def is_ready(self) -> bool:
        """Whether it hears people and can answer them."""
        return self._realtime.is_live() and self._dispatcher.is_ready

    @property
    def is_alive(self) -> bool:
        """Whether its loops turn; if not, only a restart helps."""
        return self._dispatcher.is_alive

    async def run(self) -> None:
        """Work until cancelled, then finish the running answers within 10 s.

        Raises TokenRejectedError, in a group, where the workspace refuses the bot.
        """
        async with asyncio.TaskGroup() as tasks:
            dispatching = tasks.create_task(self._dispatcher.run())
            tasks.create_task(self._listen())
            background = [tasks.create_task(loop()) for loop in self._background]
            try:
                await asyncio.wait([dispatching])
            except asyncio.CancelledError:
                for task in background:
                    task.cancel()
                self._dispatcher.stop()
                await asyncio.wait([dispatching], timeout=_SHUTDOWN_TIMEOUT_S)
                raise

    async def _repeat(self, work: Loop) -> None:
        while True:
            try:
                await work()
            except BotError as error:
                log = structlog.get_logger("hourly")
                log.warning("hourly work was interrupted", problem=repr(error))
            await self._sleep(HOUR_S)

    async def _listen(self) -> None:
        receiver = self._receiver
        await self._realtime.run(
            on_message=receiver.hear,
            on_online=self._on_online,
            before_live=self._catch_up,
            recheck=receiver.recheck,
        )

    async def _catch_up(self) -> None:
        await self._receiver.catch_up()
        self._on_listening()


class Worker:
    """Runs scheduled jobs beside listening bots, and the loop ``save_counters``."""

    def __init__(
        self,
        cluster: "Cluster",
        save_counters: Loop,
        public_url: str,
        fetch_version: FetchVersion,
    ) -> None:
        self._cluster: Final = cluster
        self._save_counters: Final = save_counters
        self.public_url: Final = public_url
        self.fetch_version: Final = fetch_version

    @property
    def is_alive(self) -> bool:
        """Whether its loops turn; if not, only a restart helps."""
        return self._cluster.is_alive

    @property
    def is_ready(self) -> bool:
        """Whether it can do what is due."""
        return self.is_alive and self._cluster.is_storage_good

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError, in a group, where the bot is refused."""
        structlog.get_logger("worker").info("working")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._cluster.run())
            tasks.create_task(self._save_counters())
