"""Which rooms are private between one person and the bot, and how to reach a person."""

from collections import OrderedDict
from typing import Final, TypeVar

from bot.models import Message, RoomType, Sender
from bot.rocketchat.client import RestClient

_REMEMBERED: Final = 10_000
_PAIR: Final = 2
T = TypeVar("T")


class DirectRooms:
    """Knows direct rooms; what it has learned it keeps, because their members never change."""

    def __init__(self, rest: RestClient) -> None:
        self._rest: Final = rest
        self._is_pair: Final[OrderedDict[str, bool]] = OrderedDict()
        self._direct: Final[OrderedDict[str, str]] = OrderedDict()

    async def is_private(self, message: Message) -> bool:
        """Tell whether only the sender and the bot read this room.

        A direct message may have up to eight members, and its id does not tell (server source
        ``IRoom.ts``, 8.3), so the room is looked up once.
        """
        if message.room_type is not RoomType.DIRECT:
            return False
        known = self._is_pair.get(message.room_id)
        if known is None:
            room = await self._rest.fetch_room(message.room_id)
            known = len(set(room.usernames)) == _PAIR
            _remember(self._is_pair, message.room_id, value=known)
        if known:
            _remember(self._direct, message.sender.id, message.room_id)
        return known

    async def find_answer_room(self, question: Message) -> str:
        """Give the id of the room where only the person who asked can read the answer."""
        if await self.is_private(question):
            return question.room_id
        return await self.find_direct_room(question.sender)

    async def find_direct_room(self, person: Sender) -> str:
        """Give the id of the direct message with a person, which is made if there is none."""
        known = self._direct.get(person.id)
        if known is None:
            known = (await self._rest.open_direct_room(person.username)).id
            _remember(self._direct, person.id, known)
        return known


def _remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
