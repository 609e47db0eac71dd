"""Runs everything that brings a message to its answer, and stops it in order."""

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatcher.claims import MessageClaims
from bot.dispatcher.notifications import Notifications
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import Progress, UserTask
from bot.errors import (
    BotError,
    RateLimitedError,
    StorageError,
    TokenRejectedError,
    UnreachableError,
)
from bot.features.accounts.linking import AccountLinked, LinkingEvent
from bot.storage.checkpoints import Checkpoints
from bot.storage.inbox import Inbox

_HEARTBEAT_EVERY_S: Final = 3.0
_LOOK_FOR_WORK_EVERY_S: Final = 2.0
_LOOK_AGAIN_AFTER_S: Final = 1.0  # while messages wait in the inbox for room in the queues
_SWEEP_EVERY: Final = timedelta(hours=1)
_ALIVE_WITHIN_S: Final = 60.0
_STORAGE_TIMEOUT_S: Final = 15.0
"""Longer than a lock or a new connection is waited for, whose errors say more."""
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


class Dispatcher:
    """Runs everything that brings a message to its answer, and stops it in order.

    ``check_token`` raises TokenRejectedError if the bot's own token is dead, and nothing else.
    ``seconds`` is a monotonic clock.
    """

    def __init__(
        self,
        *,
        receiver: MessageReceiver,
        claims: MessageClaims,
        notifications: Notifications,
        inbox: Inbox,
        checkpoints: Checkpoints,
        server_clock: ServerClock,
        check_token: Callable[[], Awaitable[None]],
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self.receiver: Final = receiver
        self.claims: Final = claims
        self._queues: Final = claims.queues
        self._notifications: Final = notifications
        self._inbox: Final = inbox
        self._checkpoints: Final = checkpoints
        self._server_clock: Final = server_clock
        self._check_token: Final = check_token
        self._now: Final = now
        self._seconds: Final = seconds
        self._stopping: Final = asyncio.Event()
        self._has_work: Final = asyncio.Event()
        self._has_more = False
        self._heartbeat_at = seconds()
        self._swept_at = _BEGINNING
        self._log = structlog.get_logger("dispatcher")

    @property
    def is_alive(self) -> bool:
        """Whether its loops turn."""
        return self._seconds() - self._heartbeat_at < _ALIVE_WITHIN_S

    @property
    def is_ready(self) -> bool:
        """Whether it can answer what it receives."""
        return self.is_alive and self._inbox.is_writable and not self._stopping.is_set()

    @property
    def is_storage_good(self) -> bool:
        """Whether the last write succeeded."""
        return self._inbox.is_writable

    @property
    def clock_offset_s(self) -> float:
        """How far this machine's clock is ahead of the workspace's; NaN while it is not known."""
        server_now = self._server_clock.now
        return (self._now() - server_now).total_seconds() if server_now else math.nan

    def count_messages(self) -> Mapping[str, float]:
        """Return how many messages wait in this process, by queue."""
        return {"received": self.receiver.backlog, "claimed": self._queues.count}

    def stop(self) -> None:
        """Receive nothing new; ``run`` returns when the running answers are finished."""
        self._stopping.set()
        self.receiver.stop()
        self._queues.stop()

    async def run(self) -> None:
        """Work until stopped or cancelled; raises TokenRejectedError if the bot's token is dead."""
        try:
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(self._queues.run())
                loops = [
                    tasks.create_task(self.receiver.run()),
                    tasks.create_task(self._queue_notifications()),
                    tasks.create_task(self._send_heartbeats()),
                    tasks.create_task(self._keep_maintaining()),
                    tasks.create_task(self._look_for_work()),
                ]
                await asyncio.wait([answering])
                for loop in loops:
                    loop.cancel()
        finally:
            await self._release()

    async def _queue_notifications(self) -> None:
        while True:
            event = await self._notifications.events.get()
            work = partial(self._notify, event, secrets.token_hex(8))
            self._queues.add(UserTask(event.asker.id, _BEGINNING, work))

    async def _notify(self, event: LinkingEvent, cause: str) -> Progress:
        try:
            await self._notifications.tell(event, cause)
            if isinstance(event, AccountLinked):
                await self.claims.reopen(is_just_connected=True)
                self._has_work.set()
        except (UnreachableError, RateLimitedError, StorageError) as error:
            self._log.warning("a notification could not be sent yet", problem=repr(error))
            return Progress.FAILED
        except TokenRejectedError:
            await self._check_token()
            return Progress.FAILED
        except Exception as error:  # noqa: BLE001 - an event must not end the program
            self._log.exception("a notification could not be sent", problem=repr(error))
        return Progress.DONE

    async def _send_heartbeats(self) -> None:
        # Without the database: a restart would not help where that hangs.
        while True:
            self._heartbeat_at = self._seconds()
            await asyncio.sleep(_HEARTBEAT_EVERY_S)

    async def _keep_maintaining(self) -> None:
        while True:
            await self._note_failures(self._maintain())
            await asyncio.sleep(_HEARTBEAT_EVERY_S)

    async def _maintain(self) -> None:
        await self.claims.renew()
        if not self._inbox.is_writable:
            # This write shows whether writing works again.
            await self._checkpoints.advance(_BEGINNING, self._now())
            self._inbox.note_success()
        server_now = self._server_clock.now
        if server_now and abs(self._now() - self._swept_at) >= _SWEEP_EVERY:
            self._swept_at = self._now()
            # Longer than any message may be answered, so that none is answered twice.
            memory = 2 * self._server_clock.max_age
            await self._inbox.sweep(
                sent_before=server_now - memory,
                finished_before=self._now() - memory,
            )

    async def _look_for_work(self) -> None:
        # Before this start, other processes told the people who connected.
        is_start = True
        while True:
            pause_s = _LOOK_AGAIN_AFTER_S if self._has_more else _LOOK_FOR_WORK_EVERY_S
            try:
                async with asyncio.timeout(pause_s):
                    await self._has_work.wait()
            except TimeoutError:
                pass
            self._has_work.clear()
            # Not before the server's time is known: it tells which messages are too old.
            if self._server_clock.now and not self._stopping.is_set():
                await self._note_failures(self._find_work(is_start=is_start))
                is_start = False

    async def _find_work(self, *, is_start: bool) -> None:
        await self.claims.reopen(is_just_connected=is_start)
        self._has_more = await self.claims.take_over()

    async def _note_failures(self, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(_STORAGE_TIMEOUT_S):
                await work
        except StorageError as error:
            self._inbox.note_failure(error)
        except TimeoutError:
            reason = f"the database has not answered for {_STORAGE_TIMEOUT_S:g} seconds"
            self._inbox.note_failure(StorageError(reason))

    async def _release(self) -> None:
        try:
            await self.claims.release()
        except BotError as error:
            self._log.warning("unfinished work waits until its claims expire", problem=str(error))
