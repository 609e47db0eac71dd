"""How catching up and what is heard meanwhile come together."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bot.dispatcher.catch_up import Missed
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.server_clock import ServerClock
from bot.models import Message, Room, RoomType, Sender
from bot.parsing import Listener
from bot.rocketchat.client import HistoryPage, RestClient
from bot.storage.checkpoints import Checkpoint, Checkpoints
from bot.storage.database import Database
from bot.storage.inbox import Inbox

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BOT, ANN = Sender("bot", "sessions"), Sender("ann", "ann")
CHANNEL, DIRECT = Room("channel", RoomType.CHANNEL), Room("direct", RoomType.DIRECT)


def say(id_: str, room: Room, milliseconds: int) -> Message:
    at = NOON + timedelta(milliseconds=milliseconds)
    mentions = {BOT.id: BOT.username} if room is CHANNEL else {}
    return Message(id_, room.id, room.type, ANN, "help", at, mentions=mentions)


class Workspace:
    """Ann speaks in the channel after it has been read, then in the direct message before it is."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        rest, checkpoints = cast("RestClient", self), cast("Checkpoints", self)
        self.receiver = MessageReceiver(
            listener=Listener(BOT, "!"),
            rest=rest,
            inbox=Inbox(cast("Database", self)),
            checkpoints=checkpoints,
            server_clock=_CLOCK,
            accept=self.accept,
            give_up=self.do_nothing,
            tell_of_trouble=self.do_nothing,
            is_live=lambda: False,
            now=lambda: NOON,
        )

    async def fetch_time(self) -> datetime:
        return NOON

    async def fetch_changed_rooms(self, since: datetime) -> tuple[Room, ...]:
        assert since < NOON
        return (CHANNEL, DIRECT)

    async def fetch_history(self, room: Room, *_: Any) -> HistoryPage:  # noqa: ANN401 - not looked at
        if room is CHANNEL:
            return HistoryPage((), is_last=True)
        missed = say("missed", room, -1)
        spoken = [say("first", CHANNEL, 1), say("second", DIRECT, 2), say("third", CHANNEL, 3)]
        for message in spoken:
            self.receiver.hear(message)
        return HistoryPage((spoken[1], missed), is_last=True)

    async def load_or_make(self, server_now: datetime) -> Checkpoint:
        return Checkpoint(server_now - DAY, server_now)

    async def advance(self, *_: datetime) -> None:
        pass

    async def accept(self, messages: Sequence[Message]) -> None:
        self.accepted += [each.id for each in messages]

    async def do_nothing(self, *_: Message | Missed) -> None:
        pass


_CLOCK = ServerClock(lambda: 0.0, DAY)


async def test_what_is_said_while_rooms_are_read_one_by_one_is_taken_in_in_order() -> None:
    workspace = Workspace()
    await workspace.receiver.catch_up()
    assert workspace.accepted == ["missed", "first", "second", "third"]
