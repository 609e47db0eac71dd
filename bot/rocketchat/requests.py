"""Calls to the workspace on their way out: shared, in turn, and asked again where that helps."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, TypeVar, cast

import structlog

from bot.errors import ProtocolError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.rate_limit.limiter import RateLimiter
from bot.rocketchat.rate_limit.queue import BackgroundPacer, QueuedCall
from bot.rocketchat.responses import Response, read_document
from bot.rocketchat.transport import File, HttpTransport, make_headers

T = TypeVar("T")
_LIFETIME: Final = 3.0


@dataclass(slots=True)
class Query:
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
class _Call:
    landed: asyncio.Event = field(default_factory=asyncio.Event)
    document: Document | None = None
    error: Exception | None = None


class SingleFlight:
    """Questions on their way: who asks the same meanwhile gets the same answer."""

    def __init__(self) -> None:
        self._flights: Final[dict[Query, _Call]] = {}

    async def join(self, question: Query, fetch: Callable[[], Awaitable[Document]]) -> Document:
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

    async def _lead(self, question: Query, fetch: Callable[[], Awaitable[Document]]) -> Document:
        flight = self._flights[question] = _Call()
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


class TtlCache:
    """Answers of the last few seconds. ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now: Final = now
        self._answers: Final[OrderedDict[Query, tuple[float, object]]] = OrderedDict()
        self._changes = 0

    async def recall(
        self, question: Query, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool = False
    ) -> T:
        """Return what ``fetch`` gave a moment ago, or what it gives now; always now if fresh."""
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


_TRIES: Final = 3
_RETRY_WITHIN: Final = 8.0


class RequestExecutor:
    """What all views of one workspace's client share.

    ``pause`` is the first wait between two tries of a read; ``now`` a monotonic clock; both in
    seconds.
    """

    def __init__(
        self,
        http: HttpTransport,
        budget: RateLimiter,
        courtesy: BackgroundPacer,
        *,
        pause: float,
        now: Callable[[], float],
    ) -> None:
        self.budget: Final = budget
        self._http: Final = http
        self._pause: Final = pause
        self._now: Final = now
        self._courtesy: Final = courtesy
        self._flights: Final = SingleFlight()
        self._recent: Final = TtlCache(now)
        self._log = structlog.get_logger("calls")

    async def read(self, question: Query) -> Document:
        """GET; asked again a few times while the workspace is unreachable.

        No try begins later than 8 seconds after the first one went out.
        """
        return await self._flights.join(question, partial(self._read, question))

    async def recall(
        self, question: Query, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool
    ) -> T:
        """Return what ``fetch`` made of the same question a few seconds ago, or makes of it now."""
        if is_fresh:
            self._flights.forget(question.user_id)
        return await self._recent.recall(question, fetch, is_fresh=is_fresh)

    def forget(self, user_id: str) -> None:
        """Ask anew from now on: something of this user's has changed."""
        self._flights.forget(user_id)
        self._recent.forget(user_id)

    async def write(
        self, route: str, token: AuthToken | None, body: Document, *, is_background: bool
    ) -> Document:
        """POST, once; only what was refused with 429, and so not done, is sent again."""
        ticket = QueuedCall(token.user_id if token else "", is_background)
        return await self._ask("POST", route, token, ticket, body=body)

    async def write_at(
        self,
        route: str,
        tail: str,
        token: AuthToken,
        content: Document | File,
        *,
        is_background: bool,
    ) -> Document:
        """Do the same where ids stand in the path, after the route, by which the server counts."""
        key = "file" if isinstance(content, File) else "body"
        ticket = QueuedCall(token.user_id, is_background)
        return await self._ask("POST", route, token, ticket, tail=tail, **{key: content})

    async def read_time(self) -> datetime:
        """Ask for nothing but the time at which the server answers; outside of the budget."""
        answer = await self._http.request("GET", "info", make_headers(None))
        if answer.status >= 500:  # noqa: PLR2004 - HTTP's
            # It may come from a gateway, whose clock is another.
            raise UnreachableError(f"info: HTTP {answer.status}")
        try:
            return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise ProtocolError("info: the answer has no date") from None

    async def _read(self, question: Query) -> Document:
        ticket = QueuedCall(question.user_id, question.is_background)
        query = dict(question.query)
        for number in range(1, _TRIES + 1):
            try:
                return await self._ask("GET", question.route, question.token, ticket, query=query)
            except UnreachableError as error:
                if number == _TRIES or self._is_late(ticket):
                    raise
                self._log.info("asking again", route=question.route, problem=str(error))
            # The range begins at nothing: many who were cut off at once must not come back as one.
            await asyncio.sleep(random.uniform(0, self._pause * 2**number))  # noqa: S311 - no secret
        raise AssertionError("a retry either returns or raises")

    def _is_late(self, ticket: QueuedCall) -> bool:
        # Waiting for a turn is not counted: that was no fault of the workspace.
        return ticket.sent_at is not None and self._now() >= ticket.sent_at + _RETRY_WITHIN

    async def _ask(
        self,
        method: str,
        route: str,
        token: AuthToken | None,
        ticket: QueuedCall,
        **content: Any,  # noqa: ANN401 - handed on
    ) -> Document:
        # A token that cannot be sent must not wait for its turn.
        headers = make_headers(token)

        async def send() -> Response:
            if ticket.is_background:
                await self._courtesy.step_back()
            else:
                self._courtesy.note_person()
            return await self._http.request(method, route, headers, **content)

        return read_document(route, await self.budget.ask(f"{method} {route}", ticket, send))
