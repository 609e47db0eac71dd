"""Which rooms are private between one person and the bot, and how to reach a person."""

from collections import OrderedDict
from typing import Final, TypeVar

from bot.models import Message, RoomType, Sender
from bot.rocketchat.client import RestClient

_MAX_CACHED: Final = 10_000
_PAIR: Final = 2
T = TypeVar("T")


class DirectRooms:
    """Looks rooms up once: the members of a direct room never change."""

    def __init__(self, rest: RestClient) -> None:
        self._rest: Final = rest
        self._is_pair: Final[OrderedDict[str, bool]] = OrderedDict()
        self._direct: Final[OrderedDict[str, str]] = OrderedDict()

    async def is_private(self, message: Message) -> bool:
        """Return whether only the sender and the bot read this room; raises WorkspaceError.

        A direct message may have up to eight members, and its id does not tell (server source
        ``IRoom.ts``, 8.3), so the room is looked up once.
        """
        if message.room_type is not RoomType.DIRECT:
            return False
        is_pair = self._is_pair.get(message.room_id)
        if is_pair is None:
            room = await self._rest.fetch_room(message.room_id)
            is_pair = len(set(room.usernames)) == _PAIR
            _cache(self._is_pair, message.room_id, value=is_pair)
        if is_pair:
            _cache(self._direct, message.sender.id, message.room_id)
        return is_pair

    async def find_answer_room(self, question: Message) -> str:
        """Return the id of the room where only the person who asked can read the answer."""
        if await self.is_private(question):
            return question.room_id
        return await self.find_direct_room(question.sender, self._rest)

    async def find_direct_room(self, person: Sender, rest: RestClient) -> str:
        """Return the id of the direct room with a person, made with ``rest`` if there is none."""
        room_id = self._direct.get(person.id)
        if room_id is None:
            room_id = (await rest.open_direct_room(person.username)).id
            _cache(self._direct, person.id, room_id)
        return room_id


def _cache(cache: OrderedDict[str, T], key: str, value: T) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > _MAX_CACHED:
        cache.popitem(last=False)
