"""Which rooms are private between one person and the bot, and how to reach a person."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from bot.models import Message, RoomType
from bot.rocketchat.client import RestClient

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


def _cache(cache: OrderedDict[str, T], key: str, value: T) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > _MAX_CACHED:
        cache.popitem(last=False)
