"""Counts what became of each command, from the messages in the rooms at the end."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bot.delivery.reply_sender import make_message_id
from tests.support.message_ids import ID_KEY

_KEY = re.compile(r"q\d+z")
_NOT_ANSWERS = ("wait", "memory", "apology")
_IN_CHANNEL = ("answer notice", "apology notice")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody said; its answer repeats ``key``, except a failure or where ``is_keyless``.

    ``is_ordered`` is false where the message reached the bot out of order.
    """

    id: str
    person_id: str
    room_id: str
    answer_room_id: str
    said_at: datetime
    key: str
    is_keyless: bool = False
    is_ordered: bool = True


class MessageKind(Enum):
    """What a message of the bot's is."""

    ANSWER = "answer"
    FAILURE_TOLD = "failure told"
    BESIDE = "said beside an answer"
    UNKNOWN = "answers nothing that was asked"


@dataclass(frozen=True, slots=True)
class Attribution:
    """A message of the bot's and the command that it belongs to."""

    kind: MessageKind
    command: Command | None = None


class Ledger:
    """The commands that were said, and which of them a message of the bot's answers."""

    def __init__(self, bot_id: str) -> None:
        self._bot_id = bot_id
        self._by_key: dict[str, Command] = {}
        self._by_message: dict[str, Attribution] = {}
        self.commands: list[Command] = []

    def note(self, command: Command) -> None:
        """Remember a command."""
        self.commands.append(command)
        self._by_key[command.key] = command
        told = MessageKind.ANSWER if command.is_keyless else MessageKind.FAILURE_TOLD
        self._expect(command, command.answer_room_id, "answer", told)
        for part in _NOT_ANSWERS:
            self._expect(command, command.answer_room_id, part, MessageKind.BESIDE)
        for part in _IN_CHANNEL:
            self._expect(command, command.room_id, part, MessageKind.BESIDE)

    def attribute(self, message: Document) -> Attribution:
        """Return what a message of the bot's is: by the key in it, else by its id."""
        shown = f"{message.get('msg')} {message.get('attachments')}"
        for key in _KEY.findall(shown):
            if key in self._by_key:
                return Attribution(MessageKind.ANSWER, self._by_key[key])
        return self._by_message.get(message["_id"], Attribution(MessageKind.UNKNOWN))

    def _expect(self, command: Command, room_id: str, part: str, kind: MessageKind) -> None:
        message_id = make_message_id(ID_KEY, self._bot_id, room_id, command.id, part)
        self._by_message[message_id] = Attribution(kind, command)


@dataclass
class CommandCounts:
    """What became of all commands."""

    said: int = 0
    answered: int = 0
    failures_told: int = 0
    not_judged_for_order: int = 0
    lost: list[Command] = field(default_factory=list)
    twice: list[Command] = field(default_factory=list)
    out_of_order: list[Command] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Return whether something was said, and nothing is lost, twice or out of order."""
        wrong = (self.lost, self.twice, self.out_of_order, self.unknown)
        return self.said > 0 and not any(wrong)


def count(ledger: Ledger, heard: Sequence[Document]) -> CommandCounts:
    """Count; ``heard`` is everything the bot said, in the order in which it was stored."""
    counts = CommandCounts(said=len(ledger.commands))
    answers: Counter[str] = Counter()
    first: list[Command] = []
    for message in heard:
        found = ledger.attribute(message)
        if found.command is None:
            counts.unknown.append(f"{message['_id']}: {str(message.get('msg'))[:80]}")
        elif found.kind is not MessageKind.BESIDE:
            answers[found.command.id] += 1
            counts.failures_told += found.kind is MessageKind.FAILURE_TOLD
            if answers[found.command.id] == 1:
                first.append(found.command)
    counts.answered = len(first)
    counts.lost = [each for each in ledger.commands if not answers[each.id]]
    counts.twice = [each for each in ledger.commands if answers[each.id] > 1]
    counts.out_of_order = list(find_out_of_order(first))
    counts.not_judged_for_order = sum(not each.is_ordered for each in ledger.commands)
    return counts


def find_out_of_order(answered: Iterable[Command]) -> Iterable[Command]:
    """Return what was answered after something that the same person said later."""
    latest: dict[str, datetime] = {}
    for command in answered:
        if not command.is_ordered:
            continue
        last = latest.get(command.person_id)
        if last is not None and command.said_at < last:
            yield command
        else:
            latest[command.person_id] = command.said_at
