"""Limits on talking: hints are rare, and a person gets only so many replies a minute."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bot.models import Message

HINT_EVERY: Final = timedelta(hours=1)
FIRST_QUESTION_PAUSE: Final = timedelta(seconds=10)
"""A person who asks gets the hint again, each time after twice the pause, up to an hour.

So two bots that ask each other come to an end, however slowly they do it.
"""

REPLIES_PER_MINUTE: Final = 20
_MINUTE_S: Final = 60.0
_FORGOTTEN_AFTER: Final = timedelta(days=1)
_MAX_CACHED: Final = 10_000


@dataclass(frozen=True, slots=True)
class TooFast:
    """A message is one too many; the first such message of a minute is to be told so."""

    wait_s: float
    is_first: bool


@dataclass(frozen=True, slots=True)
class _Hint:
    at: datetime
    question_pause: timedelta


@dataclass(eq=False, slots=True)
class _Minute:
    admitted_ids: set[str] = field(default_factory=set)
    first_refused_id: str = ""


class ReplyThrottle:
    """Decides whether a room may get another hint, and whether a message is one too many."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now: Final = now
        self._hinted: Final[OrderedDict[tuple[str, str], _Hint]] = OrderedDict()
        self._minutes: Final[OrderedDict[tuple[str, str, int], _Minute]] = OrderedDict()

    def may_hint(self, room_id: str, about: str, *, is_question: bool = False) -> bool:
        """Allow one hint about each topic per room and hour; a call counts as a hint.

        A question gets one sooner: after 10 seconds, then 20, and so on up to an hour.
        """
        now = self._now()
        last = self._hinted.get((room_id, about))
        next_pause = FIRST_QUESTION_PAUSE
        # Without ``abs`` a clock that was ahead once would silence hints until then.
        if last is not None and (passed := abs(now - last.at)) < _FORGOTTEN_AFTER:
            if passed < (last.question_pause if is_question else HINT_EVERY):
                return False
            next_pause = min(last.question_pause * (2 if is_question else 1), HINT_EVERY)
        self._hinted[room_id, about] = _Hint(now, next_pause)
        self._hinted.move_to_end((room_id, about))
        if len(self._hinted) > _MAX_CACHED:
            self._hinted.popitem(last=False)
        return True

    def find_excess(self, message: Message, scope: tuple[str, str]) -> TooFast | None:
        """Count a message in its scope, such as a person; None unless it is one too many.

        Asked again about the same message, the answer is the same. The times of the messages
        count, not ours: an hour's backlog is not a flood. It is answered in any order, so each
        minute of the clock is counted by itself. This also stops two bots that answer each other.
        """
        number, second = divmod(message.sent_at.timestamp(), _MINUTE_S)
        key = (*scope, int(number))
        minute = self._minutes.setdefault(key, _Minute())
        self._minutes.move_to_end(key)
        if len(self._minutes) > _MAX_CACHED:
            self._minutes.popitem(last=False)
        ids = minute.admitted_ids
        if message.id in ids or len(ids) < REPLIES_PER_MINUTE:
            ids.add(message.id)
            return None
        minute.first_refused_id = minute.first_refused_id or message.id
        return TooFast(_MINUTE_S - second, minute.first_refused_id == message.id)
