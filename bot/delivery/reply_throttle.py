"""Limits on talking: hints are rare, and a room gets only so many replies a minute."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

HINT_EVERY: Final = timedelta(hours=1)
QUESTION_HINT_EVERY: Final = timedelta(seconds=10)
"""A person who asks gets the hint again; two bots that ask each other get no further."""

REPLIES_PER_MINUTE: Final = 20
_MAX_CACHED: Final = 10_000


class ReplyThrottle:
    """Decides whether a room may get another hint or another reply."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now: Final = now
        self._hinted: Final[OrderedDict[tuple[str, str], datetime]] = OrderedDict()
        self._replied: Final[OrderedDict[str, deque[datetime]]] = OrderedDict()

    def may_hint(self, room_id: str, about: str, *, is_question: bool = False) -> bool:
        """Allow one hint about each topic per room and hour; a call counts as a hint.

        A question that is not understood gets one every ten seconds.
        """
        now = self._now()
        last = self._hinted.get((room_id, about))
        if last is not None and now - last < (QUESTION_HINT_EVERY if is_question else HINT_EVERY):
            return False
        self._hinted[room_id, about] = now
        self._hinted.move_to_end((room_id, about))
        if len(self._hinted) > _MAX_CACHED:
            self._hinted.popitem(last=False)
        return True

    def may_reply(self, room_id: str, sent_at: datetime) -> bool:
        """Stop two bots that answer each other; no person types this fast.

        The times of the messages count, not ours: catching up on an hour is not a flood.
        """
        recent = self._replied.setdefault(room_id, deque())
        self._replied.move_to_end(room_id)
        while recent and sent_at - recent[0] > timedelta(minutes=1):
            recent.popleft()
        if len(self._replied) > _MAX_CACHED:
            self._replied.popitem(last=False)
        if len(recent) >= REPLIES_PER_MINUTE:
            return False
        recent.append(sent_at)
        return True
