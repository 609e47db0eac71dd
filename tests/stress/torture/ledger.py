"""Counts, from what stands in the rooms in the end, what became of each command."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bot.delivery.reply_sender import make_message_id

_KEY = re.compile(r"q\d+z")
_NOT_ANSWERS = ("wait", "memory", "apology")
_IN_CHANNEL = ("answer notice", "apology notice")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody said; its answer shows ``key``, but where that fails or ``is_keyless``.

    ``is_ordered`` is false for what reached the bot out of order, so that nobody could do better.
    """

    id: str
    person_id: str
    room_id: str
    answer_room_id: str
    said_at: datetime
    key: str
    is_keyless: bool = False
    is_ordered: bool = True


class Kind(Enum):
    ANSWER = "answer"
    FAILURE_TOLD = "failure told"
    BESIDE = "said beside an answer"
    UNKNOWN = "answers nothing that was asked"


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a message of the bot's is."""

    kind: Kind
    command: Command | None = None


class Ledger:
    """Knows what was asked, and which command a message of the bot's answers."""

    def __init__(self, bot_id: str) -> None:
        self._bot_id = bot_id
        self._by_key: dict[str, Command] = {}
        self._by_message: dict[str, Attribution] = {}
        self.commands: list[Command] = []

    def note(self, command: Command) -> None:
        """Remember a command."""
        self.commands.append(command)
        self._by_key[command.key] = command
        told = Kind.ANSWER if command.is_keyless else Kind.FAILURE_TOLD
        self._expect(command, command.answer_room_id, "answer", told)
        for part in _NOT_ANSWERS:
            self._expect(command, command.answer_room_id, part, Kind.BESIDE)
        for part in _IN_CHANNEL:
            self._expect(command, command.room_id, part, Kind.BESIDE)

    def attribute(self, message: Document) -> Attribution:
        """Tell what a message of the bot's is: by the key that it shows, else by its id."""
        shown = f"{message.get('msg')} {message.get('attachments')}"
        for key in _KEY.findall(shown):
            if key in self._by_key:
                return Attribution(Kind.ANSWER, self._by_key[key])
        return self._by_message.get(message["_id"], Attribution(Kind.UNKNOWN))

    def _expect(self, command: Command, room_id: str, part: str, kind: Kind) -> None:
        message_id = make_message_id(self._bot_id, room_id, command.id, part)
        self._by_message[message_id] = Attribution(kind, command)


@dataclass
class Figures:
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
        """Nothing lost, nothing twice, nothing out of order, and something was said."""
        wrong = (self.lost, self.twice, self.out_of_order, self.unknown)
        return self.said > 0 and not any(wrong)


def count(ledger: Ledger, heard: Sequence[Document]) -> Figures:
    """Count; ``heard`` is everything the bot said, in the order in which it was stored."""
    figures = Figures(said=len(ledger.commands))
    answers: Counter[str] = Counter()
    first: list[Command] = []
    for message in heard:
        found = ledger.attribute(message)
        if found.command is None:
            figures.unknown.append(f"{message['_id']}: {str(message.get('msg'))[:80]}")
        elif found.kind is not Kind.BESIDE:
            answers[found.command.id] += 1
            figures.failures_told += found.kind is Kind.FAILURE_TOLD
            if answers[found.command.id] == 1:
                first.append(found.command)
    figures.answered = len(first)
    figures.lost = [each for each in ledger.commands if not answers[each.id]]
    figures.twice = [each for each in ledger.commands if answers[each.id] > 1]
    figures.out_of_order = list(find_out_of_order(first))
    figures.not_judged_for_order = sum(not each.is_ordered for each in ledger.commands)
    return figures


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
