"""The log of REST and OAuth requests that the simulator has answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request, without its token and its query."""

    method: str
    path: str
    user_id: str | None
    status: int
    at: datetime


LogRequest = Callable[[web.Request, str | None, int], None]
"""Logs a request with the id of its user, if known, and the status of the response."""
