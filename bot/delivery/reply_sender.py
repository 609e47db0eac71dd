"""Sending: the right room, an id derived from the cause, and the only send in the program."""

import asyncio
import hmac
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from bot.errors import BotError, ProtocolError, RefusedError
from bot.features.reports.pictures import Pictures
from bot.formatting.locale import UserLocale
from bot.models import Message, OutgoingMessage, Reply, RoomType, Sender, Timeline
from bot.rocketchat.client import RestClient

_ID_CHARACTERS: Final = 24
_PICTURE_TIMEOUT_S: Final = 20.0
_MAX_CACHED: Final = 10_000

T = TypeVar("T")


class DirectRooms:
    """Looks rooms up once: the members of a direct room never change.

    People are identified by their user ids. A user name may belong to somebody else tomorrow, so it
    is fetched right before it is used; ``save_username`` is then called with the id and the name.
    """

    def __init__(
        self, rest: RestClient, bot_id: str, save_username: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._rest: Final = rest
        self._bot_id: Final = bot_id
        self._save_username: Final = save_username
        self._members: Final[OrderedDict[str, frozenset[str]]] = OrderedDict()
        self._direct: Final[OrderedDict[str, str]] = OrderedDict()

    async def is_private(self, message: Message) -> bool:
        """Return whether only the sender and the bot read this room; raises WorkspaceError.

        A direct message may have up to eight members, and its id does not tell (server source
        ``IRoom.ts``, 8.3), so the room is looked up once.
        """
        if message.room_type is not RoomType.DIRECT:
            return False
        members = self._members.get(message.room_id)
        if members is None:
            members = frozenset((await self._rest.fetch_room(message.room_id)).member_ids)
            _cache(self._members, message.room_id, members)
        if members != {message.sender.id, self._bot_id}:
            return False
        _cache(self._direct, message.sender.id, message.room_id)
        return True

    async def find_answer_room(self, question: Message) -> str:
        """Return the id of the room where only the person who asked can read the answer."""
        if await self.is_private(question):
            return question.room_id
        return await self.find_direct_room(question.sender.id, self._rest)

    async def find_direct_room(self, user_id: str, rest: RestClient) -> str:
        """Return the id of the direct room with a person, made with ``rest`` if there is none.

        Raises WorkspaceError, and StorageError where the person's name cannot be saved.
        """
        room_id = self._direct.get(user_id)
        if room_id is None:
            user = await rest.fetch_person(user_id)
            await self._save_username(user.id, user.username)
            room_id = (await rest.open_direct_room(user)).id
            _cache(self._direct, user_id, room_id)
        return room_id


class ReplySender:
    """Sends replies to where only the person concerned can read them.

    Answers are sent at once; what is said unasked lets the calls of people go first. ``id_key`` is
    the secret that message ids are derived with. Without ``pictures`` and ``has_buttons`` replies
    have words only.
    """

    def __init__(
        self,
        *,
        rest: RestClient,
        bot: Sender,
        save_username: Callable[[str, str], Awaitable[None]],
        id_key: bytes,
        now: Callable[[], datetime],
        pictures: Pictures | None = None,
        has_buttons: bool = True,
    ) -> None:
        self._rest: Final = rest
        self._background_rest: Final = rest.in_background()
        self.direct_rooms: Final = DirectRooms(rest, bot.id, save_username)
        self._bot: Final = bot
        self._id_key: Final = id_key
        self._now: Final = now
        self._pictures: Final = pictures
        self._has_buttons: Final = has_buttons
        self._log = structlog.get_logger("delivery").bind()

    async def answer(
        self, question: Message, reply: Reply, locale: UserLocale, part: str = "answer"
    ) -> None:
        """Answer in the direct room; a room that others read gets a line without details.

        Raises WorkspaceError if the answer certainly was not stored.
        """
        room_id = await self.direct_rooms.find_answer_room(question)
        if room_id == question.room_id:
            await self._send(room_id, reply, question.id, part, question.thread_id)
            return
        await self._send(room_id, reply, question.id, part)
        notice = Reply(locale.text("I have answered you in a direct message."))
        thread_id = question.thread_id or question.id
        await self._send(question.room_id, notice, question.id, f"{part} notice", thread_id)

    async def notify(self, question: Message, reply: Reply, part: str) -> None:
        """Say something before the answer, and only where the answer will be."""
        room_id = await self.direct_rooms.find_answer_room(question)
        thread_id = question.thread_id if room_id == question.room_id else None
        await self._send(room_id, reply, question.id, part, thread_id)

    async def say_in_room(self, question: Message, reply: Reply, cause: str, part: str) -> None:
        """Say something impersonal in the question's room; once per room, cause and part."""
        is_private = await self.direct_rooms.is_private(question)
        thread_id = question.thread_id if is_private else question.thread_id or question.id
        await self._send(question.room_id, reply, cause, part, thread_id)

    async def tell(
        self, user_id: str, reply: Reply, cause: str, *, is_background: bool = True
    ) -> bool:
        """Say something unasked in the person's direct room; once for each cause.

        Return false where the room may have another text for the same cause already. Raises
        WorkspaceError, then nothing was sent to anybody else, and StorageError.
        """
        rest = self._background_rest if is_background else self._rest
        room_id = await self.direct_rooms.find_direct_room(user_id, rest)
        return await self._send(room_id, reply, cause, "notice", rest=rest)

    async def post(self, room_id: str, reply: Reply, cause: str) -> None:
        """Say something unasked in a room that is not one person's; once for each cause."""
        await self._send(room_id, reply, cause, "post", rest=self._background_rest)

    async def _send(
        self,
        room_id: str,
        reply: Reply,
        cause: str,
        part: str,
        thread_id: str | None = None,
        *,
        rest: RestClient | None = None,
    ) -> bool:
        message = OutgoingMessage(
            id=make_message_id(self._id_key, self._bot.id, room_id, cause, part),
            room_id=room_id,
            text=reply.text,
            sent_at=self._now(),
            thread_id=thread_id,
            attachment=reply.attachment,
            buttons=reply.buttons if self._has_buttons else (),
        )
        is_first = await (rest or self._rest).send_message(message)
        self._log.debug("sent", message_id=message.id, room_id=room_id)
        if is_first and reply.timeline and self._pictures:
            await self._send_picture(reply.timeline, self._pictures, room_id, thread_id)
        return is_first

    async def _send_picture(
        self, timeline: Timeline, pictures: Pictures, room_id: str, thread_id: str | None
    ) -> None:
        """Send the picture after the words, at most once; failures are only logged.

        The server gives the picture's message an id of its own, so nobody can tell later whether
        it was sent. The words are stored once: only the process that was told so sends the
        picture.
        """
        try:
            async with asyncio.timeout(_PICTURE_TIMEOUT_S):
                png = await pictures.draw(timeline)
                if png:
                    await self._rest.send_picture(room_id, png, timeline.caption, thread_id)
        except (BotError, TimeoutError) as error:
            self._log.warning("sent without its picture", room_id=room_id, problem=repr(error))
            if isinstance(error, RefusedError | ProtocolError):
                pictures.pause()


def make_message_id(key: bytes, *seeds: str) -> str:
    """Derive a message's id from its cause and room, so that a repeat is refused by the server.

    Without the key, nobody can post under that id first, which would keep the bot from posting.
    """
    return hmac.digest(key, json.dumps(seeds).encode(), "sha256").hex()[:_ID_CHARACTERS]


def _cache(cache: OrderedDict[str, T], key: str, value: T) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > _MAX_CACHED:
        cache.popitem(last=False)
