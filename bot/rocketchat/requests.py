"""Requests to the workspace: shared, rate-limited, and retried where that is safe."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar, cast

import structlog

from bot.errors import UnreachableError
from bot.models import AuthToken, Document
from bot.rocketchat.rate_limit.limiter import BackgroundPacer, RateLimiter
from bot.rocketchat.rate_limit.queue import QueuedCall
from bot.rocketchat.responses import Response, extract_document
from bot.rocketchat.transport import File, HttpTransport, make_headers

T = TypeVar("T")
_TTL_S: Final = 3.0
_MAX_TRIES: Final = 3
_RETRY_WITHIN_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A GET with its query and token.

    Two are equal only with the same token: a user id alone would let a made-up token read another
    one's responses.
    """

    token: AuthToken | None
    route: str
    query: tuple[tuple[str, str], ...] = ()
    is_background: bool = False

    @property
    def user_id(self) -> str:
        """The user id of the token; empty without one."""
        return self.token.user_id if self.token else ""


@dataclass(eq=False, slots=True)
class _InFlight:
    done: asyncio.Event = field(default_factory=asyncio.Event)
    document: Document | None = None
    error: Exception | None = None


class SingleFlight:
    """Sends a read once for all who request it at the same time."""

    def __init__(self) -> None:
        self._in_flight: Final[dict[ReadRequest, _InFlight]] = {}

    async def run(self, request: ReadRequest, fetch: Callable[[], Awaitable[Document]]) -> Document:
        """Return the document of ``fetch``, or of the same request in flight; errors are shared.

        If the caller that fetches is cancelled, one of the others fetches.
        """
        while (shared := self._in_flight.get(request)) is not None:
            await shared.done.wait()
            if shared.error is not None:
                raise shared.error
            if shared.document is not None:
                return shared.document
        return await self._fetch(request, fetch)

    def forget(self, user_id: str) -> None:
        """Share none of the user's requests in flight any more: their responses may be outdated."""
        for request in [each for each in self._in_flight if each.user_id == user_id]:
            del self._in_flight[request]

    async def _fetch(
        self, request: ReadRequest, fetch: Callable[[], Awaitable[Document]]
    ) -> Document:
        shared = self._in_flight[request] = _InFlight()
        try:
            shared.document = await fetch()
        except Exception as error:
            shared.error = error
            raise
        finally:
            if self._in_flight.get(request) is shared:
                del self._in_flight[request]
            shared.done.set()
        return shared.document


class TtlCache:
    """Keeps results of reads for 3 seconds. ``now`` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now: Final = now
        self._entries: Final[OrderedDict[ReadRequest, tuple[float, object]]] = OrderedDict()
        self._generation = 0

    async def get(
        self, request: ReadRequest, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool = False
    ) -> T:
        """Return the request's kept result, or that of ``fetch``; always the latter if fresh."""
        self._drop_expired()
        if request in self._entries and not is_fresh:
            return cast("T", self._entries[request][1])
        generation = self._generation
        result = await fetch()
        if generation == self._generation:
            self._entries.pop(request, None)
            self._entries[request] = (self._now() + _TTL_S, result)
        return result

    def forget(self, user_id: str) -> None:
        """Drop the user's results, and keep none that is being fetched."""
        self._generation += 1
        for request in [each for each in self._entries if each.user_id == user_id]:
            del self._entries[request]

    def _drop_expired(self) -> None:
        while self._entries:
            expires_at, _ = next(iter(self._entries.values()))
            if self._now() < expires_at:
                return
            self._entries.popitem(last=False)


class RequestExecutor:
    """Sends the requests of all views of one workspace's client.

    ``retry_pause_s`` is the first pause between two tries of a read; ``now`` is a monotonic clock
    in seconds.
    """

    def __init__(
        self,
        http: HttpTransport,
        limiter: RateLimiter,
        pacer: BackgroundPacer,
        *,
        retry_pause_s: float,
        now: Callable[[], float],
    ) -> None:
        self.limiter: Final = limiter
        self._http: Final = http
        self._pacer: Final = pacer
        self._retry_pause_s: Final = retry_pause_s
        self._now: Final = now
        self._single_flight: Final = SingleFlight()
        self._cache: Final = TtlCache(now)
        self._log = structlog.get_logger("requests")

    async def read(self, request: ReadRequest) -> Document:
        """Send a GET; try again while the workspace is unreachable.

        There are at most 3 tries, and none begins later than 8 seconds after the first was sent.
        """
        return await self._single_flight.run(request, partial(self._read, request))

    async def read_cached(
        self, request: ReadRequest, fetch: Callable[[], Awaitable[T]], *, is_fresh: bool
    ) -> T:
        """Return what ``fetch`` returned for the request up to 3 seconds ago, or returns now.

        ``fetch`` calls ``read`` and parses the document, so that a cached one is not parsed again.
        """
        if is_fresh:
            self._single_flight.forget(request.user_id)
        return await self._cache.get(request, fetch, is_fresh=is_fresh)

    def forget(self, user_id: str) -> None:
        """Read again whatever is requested for this user, whose sessions have changed."""
        self._single_flight.forget(user_id)
        self._cache.forget(user_id)

    async def write(
        self,
        route: str,
        token: AuthToken,
        content: Document | File,
        *,
        subpath: str = "",
        is_background: bool = False,
    ) -> Document:
        """Send a POST once; only one that was refused with 429 is sent again.

        ``subpath`` follows the route in the path; the server's limit counts by route.
        """
        key = "file" if isinstance(content, File) else "body"
        call = QueuedCall(token.user_id, is_background)
        try:
            return await self._send("POST", route, token, call, subpath=subpath, **{key: content})
        except UnreachableError as error:
            # It may have had its effect; the caller finds out.
            self._log.info("a call was not answered", route=route, problem=str(error))
            raise

    async def probe(self, route: str) -> Response:
        """Send a GET without token, rate limit or retry, and return the response of any status."""
        return await self._http.request("GET", route, make_headers(None))

    async def _read(self, request: ReadRequest) -> Document:
        call = QueuedCall(request.user_id, request.is_background)
        query = dict(request.query)
        for number in range(1, _MAX_TRIES + 1):
            try:
                return await self._send("GET", request.route, request.token, call, query=query)
            except UnreachableError as error:
                if number == _MAX_TRIES or self._is_late(call):
                    raise
                self._log.info("trying again", route=request.route, problem=str(error))
            # From 0: clients that were cut off together must not all come back at once.
            pause = random.uniform(0, self._retry_pause_s * 2**number)  # noqa: S311 - no secret
            await asyncio.sleep(pause)
        raise AssertionError("a retry either returns or raises")

    def _is_late(self, call: QueuedCall) -> bool:
        # Counted from the first send: the time in the queue is not the workspace's fault.
        return call.sent_at is not None and self._now() >= call.sent_at + _RETRY_WITHIN_S

    async def _send(
        self,
        method: str,
        route: str,
        token: AuthToken | None,
        call: QueuedCall,
        **content: Any,  # noqa: ANN401 - passed on as it is
    ) -> Document:
        # First: a token that cannot be sent must not be queued.
        headers = make_headers(token)

        async def send() -> Response:
            if call.is_background:
                await self._pacer.wait_for_people()
            else:
                self._pacer.note_person()
            return await self._http.request(method, route, headers, **content)

        return extract_document(route, await self.limiter.run(f"{method} {route}", call, send))
