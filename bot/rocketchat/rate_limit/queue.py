"""Whose turn it is among calls that wait for one route: fair, in order, without a clock."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

_PEOPLE_IN_A_ROW: Final = 9


@dataclass(eq=False, slots=True)
class QueuedCall:
    """One call, from its first asking to its answer.

    ``is_counted`` tells whether it uses up the route's allowance; ``sent_at`` is when it first
    went out and was not refused; ``go`` is settled when it may go.
    """

    user_id: str
    is_background: bool = False
    is_repeat: bool = False
    is_counted: bool = True
    is_waiting: bool = False
    sent_at: float | None = None
    go: "asyncio.Future[None] | None" = None

    def let_go(self) -> bool:
        """Tell the call that it may go; false if it has been given up."""
        if self.go is None or self.go.done():
            return False
        self.go.set_result(None)
        return True


@dataclass(slots=True)
class _UserCalls:
    """Each user's calls in order; the users take turns, and what was refused comes first."""

    repeats: deque[QueuedCall] = field(default_factory=deque)
    users: OrderedDict[str, deque[QueuedCall]] = field(default_factory=OrderedDict)
    length: int = 0

    def add(self, ticket: QueuedCall) -> None:
        self.length += 1
        ticket.is_waiting = True
        if ticket.is_repeat:
            self.repeats.append(ticket)
        else:
            self.users.setdefault(ticket.user_id, deque()).append(ticket)

    def remove(self, ticket: QueuedCall) -> None:
        self.length -= 1
        ticket.is_waiting = False
        if ticket.is_repeat:
            self.repeats.remove(ticket)
            return
        own = self.users[ticket.user_id]
        own.remove(ticket)
        if not own:
            del self.users[ticket.user_id]

    def pop(self) -> QueuedCall:
        ticket = self.repeats[0] if self.repeats else next(iter(self.users.values()))[0]
        self.remove(ticket)
        if ticket.user_id in self.users and not ticket.is_repeat:
            self.users.move_to_end(ticket.user_id)
        return ticket

    def find(self, user_id: str) -> list[QueuedCall]:
        repeats = [ticket for ticket in self.repeats if ticket.user_id == user_id]
        return [*repeats, *self.users.get(user_id, ())]

    def position(self, user_id: str) -> int | None:
        for place, ticket in enumerate(self.repeats):
            if ticket.user_id == user_id:
                return place
        if user_id not in self.users:
            return None
        return len(self.repeats) + list(self.users).index(user_id)


class FairQueue:
    """The calls that wait: people before schedules, users in turn, each user's own in order.

    One turn in ten is a schedule's even while people wait, so that it comes to an end.
    """

    def __init__(self) -> None:
        self._people: Final = _UserCalls()
        self._background: Final = _UserCalls()
        self._in_a_row = 0

    def __len__(self) -> int:
        return self._people.length + self._background.length

    def count(self, *, is_background: bool) -> int:
        """Count the waiting calls of one class."""
        return self._line(is_background=is_background).length

    def add(self, ticket: QueuedCall) -> None:
        """Let a call wait."""
        self._line(is_background=ticket.is_background).add(ticket)

    def remove(self, ticket: QueuedCall) -> None:
        """Take out a call that waits no longer."""
        self._line(is_background=ticket.is_background).remove(ticket)

    def pop(self) -> QueuedCall:
        """Take out the call whose turn it is; there must be one."""
        is_background = self._is_background_next()
        self._in_a_row = 0 if is_background else self._in_a_row + 1
        return self._line(is_background=is_background).pop()

    def find(self, user_id: str) -> list[QueuedCall]:
        """Return the waiting calls of a user, people's first."""
        return [*self._people.find(user_id), *self._background.find(user_id)]

    def position(self, user_id: str) -> int | None:
        """Count the calls before this user's next; None if nothing of theirs waits."""
        place = self._people.position(user_id)
        if place is not None:
            return place
        place = self._background.position(user_id)
        return None if place is None else self._people.length + place

    def _line(self, *, is_background: bool) -> _UserCalls:
        return self._background if is_background else self._people

    def _is_background_next(self) -> bool:
        if not self._people.length:
            return True
        return bool(self._background.length) and self._in_a_row >= _PEOPLE_IN_A_ROW


_ABOUT: Final = 5.0  # seconds since the last call for somebody
_PACE: Final = 0.04
"""Seconds from one call to the next: eight reports a second, or a thousand in two minutes."""

_MAX_WAIT: Final = 0.5  # seconds for people; some of them wait for what takes long
_GLANCE: Final = 0.005


def nobody() -> bool:
    """Say that no person waits."""
    return False


class BackgroundPacer:
    """Lets calls of schedules go slowly, and between those of people, while people are about.

    Each costs this process, its database and the workspace some milliseconds, and whoever asks
    something meanwhile waits for all that was begun before. With nobody about they go as they
    come. ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        now: Callable[[], float],
        is_anybody_waiting: Callable[[], bool] = nobody,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now: Final = now
        self._is_anybody_waiting: Final = is_anybody_waiting
        self._sleep: Final = sleep
        self._turn: Final = asyncio.Lock()
        self._person_at = self._free_at = float("-inf")

    def note_person(self) -> None:
        """Take in that something is asked for a person who waits."""
        self._person_at = self._now()

    async def step_back(self) -> None:
        """Wait until a schedule's call may go."""
        if not self._are_people_about():
            return
        async with self._turn:
            while self._are_people_about() and (left := self._free_at - self._now()) > 0:
                await self._sleep(left)
            latest = self._now() + _MAX_WAIT
            while self._is_anybody_waiting() and self._now() < latest:
                await self._sleep(_GLANCE)
            self._free_at = self._now() + _PACE

    def _are_people_about(self) -> bool:
        if self._is_anybody_waiting():
            self.note_person()
        return self._now() - self._person_at < _ABOUT
