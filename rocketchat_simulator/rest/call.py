"""A call of the REST API, and the definition of a route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.rest.schemas.checks import ParameterCheck
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import File, User
from rocketchat_simulator.workspace.versions import VersionNumber
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
    files: tuple[File, ...] = ()
    sent: object = None
    """The body as it was sent; ``body`` is empty where it is no object."""
    is_form: bool = False

    @property
    def user(self) -> User:
        """The caller; raise RefusedError if there is none.

        With anonymous reading a call without a user can reach a route, where the server's code
        fails on the missing user. What each route returns then has not been seen.
        """
        if self.caller is None:
            raise RefusedError("Cannot read properties of undefined (reading '_id')")
        return self.caller

    @property
    def file(self) -> File | None:
        """The first file of a form, or None."""
        return self.files[0] if self.files else None

    def parse_page(self) -> tuple[int, int]:
        """Return ``offset`` and ``count``, which is at most ``MAX_COUNT``."""
        return self._parse_int("offset", 0), min(self._parse_int("count", DEFAULT_COUNT), MAX_COUNT)

    def parse_list(self, name: str) -> list[str]:
        """Return all values of a parameter that may be given several times, as ``status[]``."""
        names = {name, f"{name}[]"}
        return [value for key, value in self.params.items() if key in names]

    def parse_date(
        self, name: str, *, kind: str = "", ends_with_dot: bool = True
    ) -> datetime | None:
        """Return a date parameter, or None if it is absent or empty.

        Raise RefusedError of this kind if it is not a date; routes have it with a dot or without.
        """
        if not self.params.get(name):
            return None
        try:
            found = datetime.fromisoformat(self.params[name])
        except ValueError as error:
            dot = "." if ends_with_dot else ""
            reason = f'The "{name}" query parameter must be a valid date{dot}'
            raise RefusedError(reason, kind or f"error-{name}-param-invalid") from error
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _parse_int(self, name: str, default: int) -> int:
        try:
            return int(self.params.get(name, default))
        except ValueError as error:
            raise RefusedError("must be number", "invalid-params") from error


RouteFunction = Callable[[Call], Response | Document]


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path under ``/api/v1/``. ``run`` may return only the body of a success.

    Servers from ``since`` on and before ``until`` have it.
    """

    method: str
    name: str
    run: RouteFunction
    is_open: bool = False
    """Whether callers without a login are allowed."""
    permission: str = ""
    needs_licence: bool = False
    needs_second_factor: bool = False
    is_limited: bool = True
    since: VersionNumber = (0, 0)
    until: VersionNumber = (99, 0)
    check: ParameterCheck | None = None
    """The row of the table ``rest/schemas`` for the server's version, if it has one."""


def get(name: str, run: RouteFunction) -> Route:
    """Make a GET route for logged-in users."""
    return Route("GET", name, run)


def post(name: str, run: RouteFunction) -> Route:
    """Make a POST route for logged-in users."""
    return Route("POST", name, run)


def read_previewed(body: Document) -> list[str] | None:
    """Return ``previewUrls``, the links that shall have previews; None is all."""
    links = body.get("previewUrls")
    return links if isinstance(links, list) else None
