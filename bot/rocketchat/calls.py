"""Calls to the workspace on their way out: shared, in turn, and asked again where that helps."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from bot.errors import ProtocolError, UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.answers import Answer, read_document
from bot.rocketchat.courtesy import Courtesy
from bot.rocketchat.http import File, Http, make_headers
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
        self,
        http: Http,
        budget: RateBudget,
        courtesy: Courtesy,
        *,
        pause: float,
        now: Callable[[], float],
    ) -> None:
        self.budget: Final = budget
        self._http: Final = http
        self._pause: Final = pause
        self._now: Final = now
        self._courtesy: Final = courtesy
        self._flights: Final = Flights()
        self._recent: Final = Recent(now)
        self._log = structlog.get_logger("calls")

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
        ticket = Ticket(token.user_id, is_background)
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

    async def _read(self, question: Question) -> Document:
        ticket = Ticket(question.user_id, question.is_background)
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

    def _is_late(self, ticket: Ticket) -> bool:
        # Waiting for a turn is not counted: that was no fault of the workspace.
        return ticket.sent_at is not None and self._now() >= ticket.sent_at + _RETRY_WITHIN

    async def _ask(
        self,
        method: str,
        route: str,
        token: AuthToken | None,
        ticket: Ticket,
        **content: Any,  # noqa: ANN401 - handed on
    ) -> Document:
        # A token that cannot be sent must not wait for its turn.
        headers = make_headers(token)

        async def send() -> Answer:
            if ticket.is_background:
                await self._courtesy.step_back()
            else:
                self._courtesy.note_person()
            return await self._http.request(method, route, headers, **content)

        return read_document(route, await self.budget.ask(f"{method} {route}", ticket, send))
