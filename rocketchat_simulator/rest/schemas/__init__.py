"""Which parameters each route takes on each version of the server: one table for all routes.

A family of routes has a module here with its ``TABLE``; a key is method and name of a route, such
as ``POST chat.react``.
"""

from typing import Final

from rocketchat_simulator.rest.schemas import messages, rooms, sessions, users
from rocketchat_simulator.rest.schemas.checks import ParameterCheck, Table
from rocketchat_simulator.workspace.versions import VersionNumber

_TABLE: Final[Table] = {**messages.TABLE, **rooms.TABLE, **sessions.TABLE, **users.TABLE}


def find_check(route: str, number: VersionNumber) -> ParameterCheck | None:
    """Return what a version checks on a route such as ``POST chat.react``, or None."""
    rows = _TABLE.get(route, ())
    return next((row for row in rows if row.since <= number < row.until), None)
