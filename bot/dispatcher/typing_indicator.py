"""What a person sees while an answer takes long: "is typing", how long it takes, how far it is."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeVar

import structlog

from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.notices import format_wait
from bot.errors import WorkspaceError
from bot.formatting.locale import UserLocale
from bot.models import Message, Reply, Sender
from bot.rocketchat.realtime import RealtimeClient

TYPING_AFTER_S: Final = 0.5
WAIT_NOTICE_AFTER_S: Final = 3.0
_MIN_WAIT_TOLD_S: Final = 1.0
_RECHECK_EVERY_S: Final = 1.0
_PROGRESS_EVERY_S: Final = 10.0

T = TypeVar("T")


class TypingIndicator:
    """Shows in one room that the bot works on a question, until the block ends.

    ``bot`` is the bot's own account. ``expected_wait`` returns a user's wait for the rate limit in
    seconds, or None.
    """

    def __init__(
        self,
        *,
        question: Message,
        room_id: str,
        locale: UserLocale,
        bot: Sender,
        realtime: RealtimeClient,
        reply_sender: ReplySender,
        expected_wait: Callable[[str], float | None],
    ) -> None:
        self._question: Final = question
        self._room_id: Final = room_id
        self._locale: Final = locale
        self._bot: Final = bot
        self._realtime: Final = realtime
        self._reply_sender: Final = reply_sender
        self._expected_wait: Final = expected_wait
        self._is_shown = False
        self._is_sending_notice = False
        self._is_over = False
        self._progress = ""
        self._log = structlog.get_logger("typing").bind()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._is_shown:
            await self._send(is_typing=False)

    def note_progress(self, text: str) -> None:
        """Take the sentence to tell next of how far the work is; it replaces an earlier one."""
        self._progress = text

    async def run(self, work: Awaitable[T]) -> T | Exception:
        """Return the result of the work, or its exception as a value.

        A TaskGroup would wrap the exception in another one.
        """
        async with asyncio.TaskGroup() as tasks:
            showing: list[asyncio.Task[None]] = []
            # A timer is cheaper than a task, and most answers come before it fires.
            timer = asyncio.get_running_loop().call_later(
                TYPING_AFTER_S, lambda: showing.append(tasks.create_task(self._show()))
            )
            try:
                outcome: T | Exception = await work
            except Exception as error:  # noqa: BLE001 - returned
                outcome = error
            finally:
                timer.cancel()
                self._is_over = True
            # A notice that is being sent is not cancelled: it could arrive after the answer.
            if not self._is_sending_notice:
                for each in showing:
                    each.cancel()
        return outcome

    async def _show(self) -> None:
        self._is_shown = True
        await self._send(is_typing=True)
        await asyncio.sleep(WAIT_NOTICE_AFTER_S - TYPING_AFTER_S)
        is_wait_told, told, pause = False, "", _RECHECK_EVERY_S
        while not self._is_over:
            if not is_wait_told and (wait := self._find_wait()):
                is_wait_told = True
                await self._tell(format_wait(wait, self._locale), "wait")
            elif told != self._progress:
                told, pause = self._progress, _PROGRESS_EVERY_S
                await self._tell(Reply(told), told)
            if not self._is_over:
                await asyncio.sleep(pause)

    async def _tell(self, notice: Reply, part: str) -> None:
        self._is_sending_notice = True
        try:
            await self._reply_sender.notify(self._question, notice, part)
        except WorkspaceError as error:
            self._log.warning("the wait could not be told", problem=repr(error))
        self._is_sending_notice = False

    async def _send(self, *, is_typing: bool) -> None:
        # The server takes the user name, or the name where UI_Use_Real_Name is on, and silently
        # drops the other (notifications.module.ts, 8.3); no endpoint tells which it is.
        for name in {self._bot.username, self._bot.name} - {""}:
            await self._realtime.send_typing(
                self._room_id, name, thread_id=self._question.thread_id, is_typing=is_typing
            )

    def _find_wait(self) -> float | None:
        """Return the expected wait in seconds, None where it is not worth telling."""
        wait = self._expected_wait(self._question.sender.id)
        return wait if wait is not None and wait >= _MIN_WAIT_TOLD_S else None
