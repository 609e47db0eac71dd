"""What the bot says to questions that it heard of too late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.answers import Answers
from bot.dispatcher.catch_up import Missed
from bot.errors import RefusedError
from bot.models import Message
from bot.storage.inbox import Inbox, make_letter

_A_MOMENT: Final = timedelta(seconds=15)


class Absence:
    """Tells once per room and absence that what was asked there will not be answered."""

    def __init__(
        self, inbox: Inbox, answers: Answers, name: str, now: Callable[[], datetime]
    ) -> None:
        self._inbox: Final = inbox
        self._answers: Final = answers
        self._name: Final = name
        self._now: Final = now
        self._gap = ""
        self._log = structlog.get_logger("absence")

    async def give_up(self, missed: Missed) -> None:
        """Deal with what was found too late; raises WorkspaceError, StorageError."""
        self._gap = missed.gap
        known = await self._inbox.find_known([each.id for each in missed.old])
        unknown = [each for each in missed.old if each.id not in known]
        for message in (await self._find_last_commands(unknown)).values():
            await self.tell(message)
        for message in unknown:
            # Or a reaction to it, which sends it again, would have it answered after all.
            await self._note(message)

    async def tell(self, message: Message) -> None:
        """Tell the room of the message; raises WorkspaceError but RefusedError."""
        try:
            await self._answers.say_away(message, self._gap)
        except RefusedError as error:
            self._log.warning("a room cannot be told", room_id=message.room_id, reason=str(error))

    async def _find_last_commands(self, messages: list[Message]) -> dict[str, Message]:
        found = {}
        for message in messages:
            try:
                if await self._answers.is_command(message):
                    found[message.room_id] = message
            except RefusedError:
                continue
        return found

    async def _note(self, message: Message) -> None:
        now, letter = self._now(), make_letter(message)
        if await self._inbox.claim(letter, now=now, by=self._name, until=now + _A_MOMENT):
            await self._inbox.finish(message.id, now)
