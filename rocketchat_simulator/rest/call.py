"""A call of the REST API, and the definition of a route."""

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
    """A client's request. ``site`` is the server's URL as the client used it."""

    workspace: Workspace
    caller: User | None
    token: str
    params: Mapping[str, str]
    body: Document
    headers: Mapping[str, str]
    site: str
    proxied_ip: str | None
    path: tuple[str, ...] = ()
    """The values in the path for the parameters in the route's name."""
    file: File | None = None

    @property
    def user(self) -> User:
        """The caller; raise RefusedError if there is none.

        With anonymous reading a call without a user can reach a route, where the server's code
        fails on the missing user. What each route returns then has not been seen.
        """
        if self.caller is None:
            raise RefusedError("Cannot read properties of undefined (reading '_id')")
        return self.caller

    def parse_page(self) -> tuple[int, int]:
        """Return ``offset`` and ``count``, which is at most ``MAX_COUNT``."""
        return self._parse_int("offset", 0), min(self._parse_int("count", DEFAULT_COUNT), MAX_COUNT)

    def parse_date(self, name: str) -> datetime | None:
        """Return a date parameter, or None if it is absent or empty.

        Raise RefusedError if it is not a date.
        """
        if not self.params.get(name):
            return None
        try:
            return datetime.fromisoformat(self.params[name])
        except ValueError as error:
            raise RefusedError(
                f'The "{name}" query parameter must be a valid date.', f"error-{name}-param-invalid"
            ) from error

    def _parse_int(self, name: str, default: int) -> int:
        try:
            return int(self.params.get(name, default))
        except ValueError as error:
            raise RefusedError("must be number", "invalid-params") from error


RouteFunction = Callable[[Call], Response | Document]


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path under ``/api/v1/``. ``run`` may return only the body of a success."""

    method: str
    name: str
    run: RouteFunction
    is_open: bool = False
    """Whether callers without a login are allowed."""
    permission: str = ""
    needs_licence: bool = False
    needs_second_factor: bool = False
    is_limited: bool = True
    required: tuple[str, ...] = ()
    allowed: frozenset[str] | None = None
    """The allowed parameters, with the required ones; None allows all."""


def get(name: str, run: RouteFunction) -> Route:
    """Make a GET route for logged-in users."""
    return Route("GET", name, run)


def post(name: str, run: RouteFunction) -> Route:
    """Make a POST route for logged-in users."""
    return Route("POST", name, run)
