"""Replies on their way: the right room, an id of their own, and the one send of the program."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from bot.formatting.reader import Reader
from bot.models import Message, OutgoingMessage, Reply, Sender
from bot.rocketchat.rest import Rest
from bot.services.rooms import Rooms

_ID_LENGTH: Final = 24


class Delivery:
    """Sends replies to where only the person who asked can read them."""

    def __init__(self, rest: Rest, rooms: Rooms, bot: Sender, now: Callable[[], datetime]) -> None:
        self._rest: Final = rest
        self._rooms: Final = rooms
        self._bot: Final = bot
        self._now: Final = now
        self._log = structlog.get_logger("delivery")

    async def answer(
        self, question: Message, reply: Reply, reader: Reader, part: str = "answer"
    ) -> None:
        """Answer in the direct message; a room that others read gets a line with nothing in it.

        Raises WorkspaceError if the answer certainly was not stored.
        """
        room_id = await self._rooms.find_answer_room(question)
        if room_id == question.room_id:
            await self._send(room_id, reply, question.id, part, question.thread_id)
            return
        await self._send(room_id, reply, question.id, part)
        notice = Reply(reader.text("I have answered you in a direct message."))
        thread_id = question.thread_id or question.id
        await self._send(question.room_id, notice, question.id, f"{part} notice", thread_id)

    async def notify(self, question: Message, reply: Reply, part: str) -> None:
        """Say something before the answer, and only where the answer will be."""
        room_id = await self._rooms.find_answer_room(question)
        thread_id = question.thread_id if room_id == question.room_id else None
        await self._send(room_id, reply, question.id, part, thread_id)

    async def say_away(self, question: Message, reply: Reply, gap: str) -> None:
        """Say something about an absence where the question was asked; once per room and gap."""
        is_private = await self._rooms.is_private(question)
        thread_id = question.thread_id if is_private else question.thread_id or question.id
        await self._send(question.room_id, reply, gap, "away", thread_id)

    async def tell(self, person: Sender, reply: Reply, cause: str) -> None:
        """Say something unasked in the person's direct message; once for each cause."""
        room_id = await self._rooms.find_direct_room(person)
        await self._send(room_id, reply, cause, "notice")

    async def _send(
        self, room_id: str, reply: Reply, cause: str, part: str, thread_id: str | None = None
    ) -> None:
        message = OutgoingMessage(
            id=make_message_id(self._bot.id, room_id, cause, part),
            room_id=room_id,
            text=reply.text,
            sent_at=self._now(),
            thread_id=thread_id,
            attachment=reply.attachment,
        )
        await self._rest.send_message(message)
        self._log.debug("sent", message_id=message.id, room_id=room_id)


def make_message_id(*seeds: str) -> str:
    """Derive a message's id from what it answers and where, so that a repeat says nothing twice."""
    return hashlib.sha256("\n".join(seeds).encode()).hexdigest()[:_ID_LENGTH]
