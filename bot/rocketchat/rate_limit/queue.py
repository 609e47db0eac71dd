"""The fair queue of the calls to one route: people first, users round-robin. No clock, no I/O."""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

_MAX_PEOPLE_IN_A_ROW: Final = 9


@dataclass(eq=False, slots=True)
class QueuedCall:
    """One call, from its request to its response.

    ``is_repeat`` is set once it was sent and refused, ``is_counted`` if it counts in the route's
    window. ``sent_at`` is when it was first sent and not refused. ``admission`` is resolved when a
    queued call may be sent.
    """

    user_id: str
    is_background: bool = False
    is_repeat: bool = False
    is_counted: bool = True
    is_queued: bool = False
    sent_at: float | None = None
    admission: "asyncio.Future[None] | None" = None

    def admit(self) -> bool:
        """Let the call be sent; return false if it was cancelled."""
        if self.admission is None or self.admission.done():
            return False
        self.admission.set_result(None)
        return True


@dataclass(slots=True)
class _ClassQueue:
    """The calls of one class: refused ones first, then users round-robin."""

    repeats: deque[QueuedCall] = field(default_factory=deque)
    users: OrderedDict[str, deque[QueuedCall]] = field(default_factory=OrderedDict)
    length: int = 0

    def add(self, call: QueuedCall) -> None:
        self.length += 1
        call.is_queued = True
        if call.is_repeat:
            self.repeats.append(call)
        else:
            self.users.setdefault(call.user_id, deque()).append(call)

    def remove(self, call: QueuedCall) -> None:
        self.length -= 1
        call.is_queued = False
        if call.is_repeat:
            self.repeats.remove(call)
            return
        own = self.users[call.user_id]
        own.remove(call)
        if not own:
            del self.users[call.user_id]

    def pop(self) -> QueuedCall:
        call = self.repeats[0] if self.repeats else next(iter(self.users.values()))[0]
        self.remove(call)
        if call.user_id in self.users and not call.is_repeat:
            self.users.move_to_end(call.user_id)
        return call

    def find(self, user_id: str) -> list[QueuedCall]:
        repeats = [call for call in self.repeats if call.user_id == user_id]
        return [*repeats, *self.users.get(user_id, ())]

    def find_position(self, user_id: str) -> int | None:
        for position, call in enumerate(self.repeats):
            if call.user_id == user_id:
                return position
        if user_id not in self.users:
            return None
        return len(self.repeats) + list(self.users).index(user_id)


class FairQueue:
    """The queued calls of one route: people's before scheduled ones, users round-robin.

    One call in ten is a scheduled one even while people's are queued, so that schedules finish.
    """

    def __init__(self) -> None:
        self._people: Final = _ClassQueue()
        self._background: Final = _ClassQueue()
        self._people_in_a_row = 0

    def __len__(self) -> int:
        return self._people.length + self._background.length

    def count(self, *, is_background: bool) -> int:
        """Return the number of queued calls of one class."""
        return self._find_queue(is_background=is_background).length

    def add(self, call: QueuedCall) -> None:
        """Queue a call."""
        self._find_queue(is_background=call.is_background).add(call)

    def remove(self, call: QueuedCall) -> None:
        """Remove a queued call."""
        self._find_queue(is_background=call.is_background).remove(call)

    def pop(self) -> QueuedCall:
        """Remove and return the next call; the queue must not be empty."""
        is_background = self._is_background_next()
        self._people_in_a_row = 0 if is_background else self._people_in_a_row + 1
        return self._find_queue(is_background=is_background).pop()

    def pop_person(self) -> QueuedCall:
        """Remove and return the next call of a person; one must be queued."""
        self._people_in_a_row += 1
        return self._people.pop()

    def find(self, user_id: str) -> list[QueuedCall]:
        """Return the user's queued calls, those of the person before scheduled ones."""
        return [*self._people.find(user_id), *self._background.find(user_id)]

    def find_position(self, user_id: str) -> int | None:
        """Return how many calls are before this user's next one; None if none is queued."""
        position = self._people.find_position(user_id)
        if position is not None:
            return position
        position = self._background.find_position(user_id)
        return None if position is None else self._people.length + position

    def _find_queue(self, *, is_background: bool) -> _ClassQueue:
        return self._background if is_background else self._people

    def _is_background_next(self) -> bool:
        if not self._people.length:
            return True
        return bool(self._background.length) and self._people_in_a_row >= _MAX_PEOPLE_IN_A_ROW
