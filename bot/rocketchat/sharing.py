"""The same question asked twice costs one call."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from bot.models import AuthToken, Document

_LIFETIME: Final = 3.0
T = TypeVar("T")


@dataclass(slots=True)
class Question:
    """A read: who asks what. The token itself tells askers apart, not the id that goes with it.

    Nobody may change one.
    """

    token: AuthToken | None
    route: str
    query: tuple[tuple[str, str], ...] = ()
    is_background: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._hash = hash((self.token, self.route, self.query, self.is_background))

    def __hash__(self) -> int:
        # Each is looked up ten times.
        return self._hash

    @property
    def user_id(self) -> str:
        """Whose token asks; empty without one."""
        return self.token.user_id if self.token else ""


@dataclass(eq=False, slots=True)
class _Flight:
    landed: asyncio.Event = field(default_factory=asyncio.Event)
    document: Document | None = None
    error: Exception | None = None


class Flights:
    """Questions on their way: who asks the same meanwhile gets the same answer."""

    def __init__(self) -> None:
        self._flights: Final[dict[Question, _Flight]] = {}

    async def join(self, question: Question, fetch: Callable[[], Awaitable[Document]]) -> Document:
        """Ask, or wait for the one who is asking already; errors are shared too.

        Where the one who asks is cancelled, another one goes on.
        """
        while (flight := self._flights.get(question)) is not None:
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.document is not None:
                return flight.document
        return await self._lead(question, fetch)

    def forget(self, user_id: str) -> None:
        """Let the user's next question be asked anew: what is on its way may be outdated."""
        for question in [each for each in self._flights if each.user_id == user_id]:
            del self._flights[question]

    async def _lead(self, question: Question, fetch: Callable[[], Awaitable[Document]]) -> Document:
        flight = self._flights[question] = _Flight()
        try:
            flight.document = await fetch()
        except Exception as error:
            flight.error = error
            raise
        finally:
            if self._flights.get(question) is flight:
                del self._flights[question]
            flight.landed.set()
        return flight.document


class Recent:
    """Answers of the last few seconds. ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now: Final = now
        self._answers: Final[OrderedDict[Question, tuple[float, object]]] = OrderedDict()
        self._changes = 0

    async def recall(
        self, question: Question, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool = False
    ) -> T:
        """Give what ``fetch`` gave a moment ago, or what it gives now; always now if fresh."""
        self._drop_old()
        if question in self._answers and not is_fresh:
            return cast("T", self._answers[question][1])
        changes = self._changes
        found = await fetch()
        if changes == self._changes:
            self._answers.pop(question, None)
            self._answers[question] = (self._now() + _LIFETIME, found)
        return found

    def forget(self, user_id: str) -> None:
        """Forget the user's answers, those on their way too."""
        self._changes += 1
        for question in [each for each in self._answers if each.user_id == user_id]:
            del self._answers[question]

    def _drop_old(self) -> None:
        while self._answers:
            until, _ = next(iter(self._answers.values()))
            if self._now() < until:
                return
            self._answers.popitem(last=False)
