"""The web server's connections: how many there may be, and what is not HTTP."""

from collections.abc import Iterable
from typing import Final

import structlog
from aiohttp import web

from bot.web.templating import HEADERS

_MAX_CONNECTIONS: Final = 200
"""Far below the 1,024 files that a process may usually open."""
_MAX_PER_ADDRESS: Final = 100
_SERVER_ERROR: Final = 500


class ConnectionLimits:
    """Closes the idle connection that is oldest where there are too many."""

    def __init__(
        self, max_total: int = _MAX_CONNECTIONS, max_per_address: int = _MAX_PER_ADDRESS
    ) -> None:
        self._max_total: Final = max_total
        self._max_per_address: Final = max_per_address
        self._open: Final[dict[HardenedRequestHandler, str]] = {}
        self.closed = 0
        """How many were closed because there were too many."""

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def add(self, handler: "HardenedRequestHandler") -> None:
        """Count a new connection; close one of its address's, or of all, above a limit.

        The new one, which is idle, is closed itself where all others are being answered.
        """
        peer = handler.peername
        address = self._open[handler] = str(peer[0] if isinstance(peer, tuple) else peer)
        of_address = [each for each, other in self._open.items() if other == address]
        if len(of_address) > self._max_per_address:
            self._close_oldest(of_address)
        elif len(self._open) > self._max_total:
            self._close_oldest(self._open)

    def remove(self, handler: "HardenedRequestHandler") -> None:
        """Stop counting a connection that is closed."""
        self._open.pop(handler, None)

    def _close_oldest(self, handlers: Iterable["HardenedRequestHandler"]) -> None:
        oldest = next(each for each in handlers if each.is_idle)
        # At once: of many that come together, each must close another one.
        self.remove(oldest)
        oldest.force_close()
        self.closed += 1
        # The 1st, 2nd, 4th, 8th …, so that a flood fills no disk.
        if self.closed & (self.closed - 1) == 0:
            log = structlog.get_logger("web")
            log.warning("too many connections; idle ones are closed", count=self.closed)


class HardenedRequestHandler(web.RequestHandler):
    """One connection, counted and closed by the limits.

    Its own error responses, which pass no middleware, have the security headers.
    """

    __slots__ = ("_limits",)

    def __init__(self, server: web.Server, limits: ConnectionLimits, **options: object) -> None:
        super().__init__(server, **options)  # type: ignore[arg-type] # the library's own
        self._limits = limits

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self._current_request is None

    def connection_made(self, transport: object) -> None:
        """Count the connection."""
        super().connection_made(transport)  # type: ignore[arg-type] # the library's own
        self._limits.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more."""
        self._limits.remove(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it may quote the request
    ) -> web.StreamResponse:
        """Answer without quoting the request, and close the connection.

        Only our own faults are logged with a traceback: anybody can send what is no HTTP.
        """
        log = structlog.get_logger("web")
        if status >= _SERVER_ERROR:
            log.error("a request failed", status=status, exc_info=exc)
        else:
            log.debug("a request cannot be read", status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has been sent")
        text = f"{status}: this request cannot be answered."
        response = web.Response(status=status, text=text, headers=HEADERS)
        response.force_close()
        return response
