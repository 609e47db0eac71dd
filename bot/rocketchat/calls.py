"""Calls to the workspace on their way out: shared, in turn, and asked again where that helps."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final, TypeVar

import stamina

from bot.errors import ProtocolError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.answers import Answer, read_document
from bot.rocketchat.http import Http, make_headers
from bot.rocketchat.rate_limit import RateBudget
from bot.rocketchat.sharing import Flights, Question, Recent
from bot.rocketchat.turns import Ticket

_TRIES: Final = 3
_RETRY_WITHIN: Final = 8.0
T = TypeVar("T")


class Calls:
    """What all views of one workspace's client share.

    ``pause`` is the first wait between two tries of a read; ``now`` a monotonic clock; both in
    seconds.
    """

    def __init__(
        self, http: Http, budget: RateBudget, *, pause: float, now: Callable[[], float]
    ) -> None:
        self.budget: Final = budget
        self._http: Final = http
        self._pause: Final = pause
        self._now: Final = now
        self._flights: Final = Flights()
        self._recent: Final = Recent(now)

    async def read(self, question: Question) -> Document:
        """GET; asked again a few times while the workspace is unreachable.

        No try begins later than 8 seconds after the first one went out.
        """
        return await self._flights.join(question, partial(self._read, question))

    async def recall(
        self, question: Question, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool
    ) -> T:
        """Give what ``fetch`` made of the same question a few seconds ago, or makes of it now."""
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
        ticket = Ticket(token.user_id if token else "", is_background)
        return await self._ask("POST", route, token, ticket, body=body)

    async def read_time(self) -> datetime:
        """Ask for nothing but the time at which the server answers; outside of the budget."""
        answer = await self._http.request("GET", "info", None)
        if answer.status >= 500:  # noqa: PLR2004 - HTTP's
            # It may come from a gateway, whose clock is another.
            raise UnreachableError(f"info: HTTP {answer.status}")
        try:
            return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError):
            raise ProtocolError("info: the answer has no date") from None

    async def _read(self, question: Question) -> Document:
        ticket = Ticket(question.user_id, question.is_background)
        async for attempt in stamina.retry_context(
            on=partial(self._is_worth_another_try, ticket),
            attempts=_TRIES,
            timeout=None,
            wait_initial=self._pause,
            wait_jitter=self._pause,
        ):
            with attempt:
                query = dict(question.query)
                return await self._ask("GET", question.route, question.token, ticket, query=query)
        raise AssertionError("a retry either returns or raises")

    def _is_worth_another_try(self, ticket: Ticket, error: Exception) -> bool:
        # Waiting for a turn is not counted: that was no fault of the workspace.
        is_early = ticket.sent_at is None or self._now() < ticket.sent_at + _RETRY_WITHIN
        return isinstance(error, UnreachableError) and is_early

    async def _ask(  # noqa: PLR0913, PLR0917 - what a call is made of
        self,
        method: str,
        route: str,
        token: AuthToken | None,
        ticket: Ticket,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
    ) -> Document:
        if token is not None:
            # One that cannot be sent must not wait for its turn.
            make_headers(token)

        async def send() -> Answer:
            return await self._http.request(method, route, token, query=query, body=body)

        return read_document(route, await self.budget.ask(f"{method} {route}", ticket, send))
