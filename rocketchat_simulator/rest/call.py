"""One call of the REST API, as the routes see it, and what a route is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.uploads import File
from rocketchat_simulator.workspace.workspace import Workspace

DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 100


@dataclass(frozen=True, slots=True)
class Call:
    """What a client sent. ``site`` is the server's URL as the client used it."""

    workspace: Workspace
    caller: User | None
    token: str
    params: Mapping[str, str]
    body: Document
    headers: Mapping[str, str]
    site: str
    proxied_ip: str | None
    path: tuple[str, ...] = ()
    """What stands in the path where the route's name has a colon."""
    file: File | None = None

    @property
    def user(self) -> User:
        """The caller; routes that are open to anybody do not ask.

        Where anonymous reading lets a call through that nobody made, the server's own code
        stumbles over the missing user; which route says what then was never seen.
        """
        if self.caller is None:
            raise RefusedError("Cannot read properties of undefined (reading '_id')")
        return self.caller

    def page(self) -> tuple[int, int]:
        """Give ``offset`` and ``count``; more than a hundred are a hundred."""
        return self._number("offset", 0), min(self._number("count", DEFAULT_COUNT), MAX_COUNT)

    def moment(self, name: str) -> datetime | None:
        """Return a date parameter, None where it is absent or empty, as the server's own tests do.

        Raise RefusedError for one that is not a date.
        """
        if not self.params.get(name):
            return None
        try:
            return datetime.fromisoformat(self.params[name])
        except ValueError as error:
            raise RefusedError(
                f'The "{name}" query parameter must be a valid date.', f"error-{name}-param-invalid"
            ) from error

    def _number(self, name: str, default: int) -> int:
        try:
            return int(self.params.get(name, default))
        except ValueError as error:
            raise RefusedError("must be number", "invalid-params") from error


@dataclass(frozen=True, slots=True)
class Route:
    """One verb on one path under ``/api/v1/``. A body alone is the usual success."""

    method: str
    name: str
    answer: Callable[[Call], Response | Document]
    is_open: bool = False
    """Anybody may call it."""
    permission: str = ""
    needs_licence: bool = False
    needs_second_factor: bool = False
    is_limited: bool = True
    required: tuple[str, ...] = ()
    allowed: frozenset[str] | None = None
    """The only parameters that there may be, required ones included; None allows any."""


def get(name: str, answer: Callable[[Call], Response | Document]) -> Route:
    """Make a route that reads, for anybody who is logged in."""
    return Route("GET", name, answer)


def post(name: str, answer: Callable[[Call], Response | Document]) -> Route:
    """Make a route that writes, for anybody who is logged in."""
    return Route("POST", name, answer)
