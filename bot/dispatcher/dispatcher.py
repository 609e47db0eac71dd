"""Keeps everything going that brings a message to its answer, and stops it in good order."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatcher.claims import MessageClaims
from bot.dispatcher.notifications import Notifications
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import Progress, UserQueues, UserTask
from bot.errors import (
    BotError,
    RateLimitedError,
    StorageError,
    TokenRejectedError,
    UnreachableError,
)
from bot.features.accounts.linking import AccountLinked, AccountLinking, TokenExpired, WrongAccount
from bot.storage.checkpoints import Checkpoints
from bot.storage.health import StorageHealth
from bot.storage.inbox import Inbox

_RENEW_EVERY: Final = 3.0
_LOOK_EVERY: Final = 2.0
_SWEEP_EVERY: Final = timedelta(hours=1)
_LONGEST_BEAT: Final = 60.0
_FIRST: Final = datetime.min.replace(tzinfo=UTC)

Event = AccountLinked | WrongAccount | TokenExpired


@dataclass(frozen=True, slots=True)
class DispatcherParts:
    """What the dispatcher keeps going; ``seconds`` is a monotonic clock.

    ``check_token`` raises TokenRejectedError if the bot's own token is dead, and nothing else.
    """

    intake: MessageReceiver
    desk: MessageClaims
    lanes: UserQueues
    news: Notifications
    connections: AccountLinking
    inbox: Inbox
    checkpoints: Checkpoints
    clock: ServerClock
    health: StorageHealth
    check_token: Callable[[], Awaitable[None]]
    now: Callable[[], datetime]
    seconds: Callable[[], float]


class Dispatcher:
    """Has messages taken in and worked on. ``memory`` is how long the inbox remembers them."""

    def __init__(self, parts: DispatcherParts, memory: timedelta) -> None:
        self._parts: Final = parts
        self._memory: Final = memory
        self._stopping: Final = asyncio.Event()
        self._due: Final = asyncio.Event()
        self._beat_at = parts.seconds()
        self._swept_at = _FIRST
        self._log = structlog.get_logger("dispatcher")

    @property
    def is_alive(self) -> bool:
        """Whether its loops turn."""
        return self._parts.seconds() - self._beat_at < _LONGEST_BEAT

    @property
    def is_stopping(self) -> bool:
        """Whether no new messages are taken in any more."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Take in nothing new; ``run`` ends when what is being answered is answered."""
        self._stopping.set()
        self._parts.intake.stop()
        self._parts.lanes.stop()

    async def run(self) -> None:
        """Work until stopped or cancelled; raises TokenRejectedError where ours is dead."""
        parts = self._parts
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(parts.lanes.run())
                loops = (parts.intake.run(), self._take_events(), self._beat(), self._look_round())
                turning = [tasks.create_task(loop) for loop in loops]
                await asyncio.wait([working])
                for task in turning:
                    task.cancel()
        finally:
            await self._release()

    async def _take_events(self) -> None:
        while True:
            event = await self._parts.connections.events.get()
            work = partial(self._tell, event, secrets.token_hex(8))
            self._parts.lanes.add(UserTask(event.asker.id, _FIRST, work))

    async def _tell(self, event: Event, cause: str) -> Progress:
        try:
            await self._parts.news.tell(event, cause)
            if isinstance(event, AccountLinked):
                await self._parts.desk.reopen(is_just_connected=True)
                self._due.set()
        except (UnreachableError, RateLimitedError, StorageError) as error:
            self._log.warning("news could not be told yet", problem=repr(error))
            return Progress.FAILED
        except TokenRejectedError:
            await self._parts.check_token()
            return Progress.FAILED
        except Exception as error:  # noqa: BLE001 - an event must not end the program
            self._log.exception("news could not be told", problem=repr(error))
        return Progress.SETTLED

    async def _beat(self) -> None:
        while True:
            self._beat_at = self._parts.seconds()
            await self._bear(self._keep_claims())
            await asyncio.sleep(_RENEW_EVERY)

    async def _keep_claims(self) -> None:
        parts = self._parts
        await parts.desk.renew()
        if not parts.health.is_good:
            # The write that proves that writing works again.
            await parts.checkpoints.advance(_FIRST, parts.now())
            parts.health.note_success()
        server_now = parts.clock.now
        if server_now and parts.now() - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = parts.now()
            await parts.inbox.sweep(
                sent_before=server_now - self._memory, finished_before=parts.now() - self._memory
            )

    async def _look_round(self) -> None:
        # Whoever connected before this start is not about to be told it here.
        is_start = True
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            # Not before it is known what time it is there: the old is not answered any more.
            if self._parts.clock.now and not self.is_stopping:
                await self._bear(self._find_work(is_start=is_start))
                is_start = False

    async def _find_work(self, *, is_start: bool) -> None:
        await self._parts.desk.reopen(is_just_connected=is_start)
        await self._parts.desk.take_over()

    async def _bear(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StorageError as error:
            self._parts.health.note_failure(error)

    async def _release(self) -> None:
        try:
            await self._parts.desk.release()
        except BotError as error:
            self._log.warning("unfinished work waits for its claims to end", problem=str(error))
