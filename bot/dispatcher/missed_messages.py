"""The notice about messages that were found too late to be answered."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.dispatcher.catch_up import Missed
from bot.dispatcher.responder import Responder
from bot.errors import RefusedError
from bot.models import Message
from bot.storage.inbox import ClaimStatus, Inbox, make_inbox_entry

_CLAIM_LEASE: Final = timedelta(seconds=15)


class MissedMessageNotice:
    """Tells a room, once per absence of the bot, that a message there will not be answered.

    ``name`` is this process's own in the inbox.
    """

    def __init__(
        self, *, inbox: Inbox, responder: Responder, name: str, now: Callable[[], datetime]
    ) -> None:
        self._inbox: Final = inbox
        self._responder: Final = responder
        self._name: Final = name
        self._now: Final = now
        self._gap = ""
        self._log = structlog.get_logger("missed messages")

    async def give_up(self, missed: Missed) -> None:
        """Tell the rooms of old commands, and finish those.

        Raises WorkspaceError, StorageError.
        """
        self._gap = missed.gap
        known = await self._inbox.find_known([each.id for each in missed.old])
        unknown = [each for each in missed.old if each.id not in known]
        for message in (await self._find_last_commands(unknown)).values():
            await self.tell(message)
        for message in unknown:
            # A reaction sends the message again: unless finished, it would be answered then.
            await self._finish(message)

    async def tell(self, message: Message) -> None:
        """Tell the room of the message; raises WorkspaceError but RefusedError."""
        try:
            await self._responder.say_away(message, self._gap)
        except RefusedError as error:
            self._log.warning("a room cannot be told", room_id=message.room_id, reason=str(error))

    async def _find_last_commands(self, messages: list[Message]) -> dict[str, Message]:
        found = {}
        for message in messages:
            try:
                if await self._responder.is_command(message):
                    found[message.room_id] = message
            except RefusedError:
                continue
        return found

    async def _finish(self, message: Message) -> None:
        now, entry = self._now(), make_inbox_entry(message)
        status = await self._inbox.claim(entry, now=now, by=self._name, until=now + _CLAIM_LEASE)
        if status is not ClaimStatus.LOST:
            await self._inbox.finish(message.id, now)
