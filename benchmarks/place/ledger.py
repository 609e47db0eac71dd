"""What was said to the bot, what it answered, and which answer belongs to what."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.delivery.reply_sender import make_message_id

ID_KEY = b"the key of our bot's message ids"
_ID = re.compile(r"c\d{9}[a-f0-9]{7}")


@dataclass
class Command:
    """One command; moments in seconds of the machine's clock, the same in every process."""

    id: str
    room_id: str
    said_at: float
    replies: list[float] = field(default_factory=list)


class Ledger:
    """Finds each answer's command: by the id it quotes, or the id it has, or else the room's order.

    Peers quote the command's id. Our bot derives the answer's own id from it.
    """

    def __init__(self, bot_id: str) -> None:
        self._bot_id = bot_id
        self._by_id: dict[str, Command] = {}
        self._by_answer: dict[str, Command] = {}
        self._by_room: defaultdict[str, deque[Command]] = defaultdict(deque)
        self._seen: set[str] = set()
        self.strays = 0

    def note_command(self, command: Command) -> None:
        """Remember a command before it is said."""
        self._by_id[command.id] = command
        answer = make_message_id(ID_KEY, self._bot_id, command.room_id, command.id, "answer")
        self._by_answer[answer] = command
        self._by_room[command.room_id].append(command)

    def find(self, ids: Iterable[str]) -> list[Command]:
        """Find commands by their ids."""
        return [self._by_id[each] for each in ids]

    def has_seen(self, answer_id: str) -> bool:
        """Return whether an answer was noted before; a workspace publishes a message many times."""
        return answer_id in self._seen

    def note_answer(self, message: dict[str, Any], at: float) -> Command | None:
        """Note what the bot has said; None if it belongs to nothing."""
        self._seen.add(message["_id"])
        command = (
            self._by_answer.get(message["_id"]) or self._quoted(message) or self._next(message)
        )
        if command is None:
            self.strays += 1
            return None
        command.replies.append(at)
        return command

    def _quoted(self, message: dict[str, Any]) -> Command | None:
        found = _ID.search(message["msg"])
        return self._by_id.get(found[0]) if found else None

    def _next(self, message: dict[str, Any]) -> Command | None:
        waiting = self._by_room[message["rid"]]
        while waiting and waiting[0].replies:
            waiting.popleft()
        return waiting[0] if waiting else None
