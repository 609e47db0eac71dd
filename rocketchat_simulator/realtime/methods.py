"""The methods that a client calls over the websocket."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final

from rocketchat_simulator.methods import call_method, has_method
from rocketchat_simulator.realtime.connection import Connection
from rocketchat_simulator.realtime.frames import (
    INTERNAL_ERROR,
    MethodError,
    UnknownMethodError,
    Value,
)
from rocketchat_simulator.realtime.login import ClientInfo, log_in, log_out
from rocketchat_simulator.workspace.documents import parse_ejson
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import RoomActivity
from rocketchat_simulator.workspace.models import User

_MAX_SENDS: Final = 5
_SEND_WINDOW_S: Final = 1.0

Params = list[Value]


class Methods:
    """The methods of one connection: its own, which concern the websocket, and all others."""

    def __init__(self, client: ClientInfo) -> None:
        self._client: Final = client
        self._window_start: datetime | None = None
        self._sends = 0

    def call(self, connection: Connection, name: str, params: Params) -> object:
        """Run a method; return its result or None, or raise MethodError if it is refused."""
        own: dict[str, Callable[..., object]] = {
            "login": self._log_in,
            "logout": self._log_out,
            "stream-notify-room": self._publish_activity,
            "UserPresence:online": self._set_online,
            "UserPresence:away": self._set_away,
        }
        given = parse_ejson(params)
        if name in own:
            return own[name](connection, *[*given, None, None, None, None][:4])
        if not has_method(name, connection.workspace.version):
            raise UnknownMethodError(name)
        if name == "sendMessage" and connection.user is not None:
            self._count_send(connection, connection.user)
        try:
            return call_method(connection.workspace, connection.user, name, given)
        except RefusedError as error:
            raise _make_method_error(error) from error

    def _log_in(self, connection: Connection, options: Value, *_: object) -> object:
        return log_in(connection, self._client, options)

    def _log_out(self, connection: Connection, *_: object) -> None:
        log_out(connection)

    def _set_online(self, connection: Connection, *_: object) -> object:
        return _set_presence(connection, is_away=False)

    def _set_away(self, connection: Connection, *_: object) -> object:
        return _set_presence(connection, is_away=True)

    def _count_send(self, connection: Connection, user: User) -> None:
        """Refuse the sixth message in a second; from 8 on also for bots (as seen on 8.3)."""
        workspace = connection.workspace
        if workspace.version.is_before_7 and user.may("send-many-messages"):
            return
        now = workspace.now()
        start = self._window_start or now
        seconds_left = _SEND_WINDOW_S - (now - start).total_seconds()
        if seconds_left <= 0 or self._window_start is None:
            self._window_start, self._sends, seconds_left = now, 0, _SEND_WINDOW_S
        self._sends += 1
        if self._sends > _MAX_SENDS:
            raise _make_too_many_requests(seconds_left)

    def _publish_activity(
        self,
        connection: Connection,
        event: Value,
        name: Value,
        activities: Value,
        extra: Value,
    ) -> None:
        """Publish that the caller is typing; ignored unless ``name`` is the caller's own."""
        room_id, _, kind = str(event).partition("/")
        user = connection.user
        if kind == "user-activity" and user is not None and name == user.username:
            connection.publish_own(RoomActivity(room_id, kind, (name, activities, extra)))


def _set_presence(connection: Connection, *, is_away: bool) -> object:
    """Note that the user of this client is there or not (server source ``userPresence.ts``)."""
    user, session_id = connection.user, connection.session_id
    if user is None or session_id is None:
        return None
    connection.workspace.people.set_away(user, session_id, is_away=is_away)
    return True


def _make_method_error(error: RefusedError) -> MethodError:
    """Make what a client gets for a refusal: plain JavaScript errors are kept from it."""
    if not error.kind:
        return MethodError(500, INTERNAL_ERROR)
    return MethodError(error.kind, error.reason, error.details)


def _make_too_many_requests(seconds_left: float) -> MethodError:
    wait = math.ceil(seconds_left)
    return MethodError(
        "too-many-requests",
        "Error, too many requests. Please slow down. "
        f"You must wait {wait} seconds before trying again.",
        {"timeToReset": round(seconds_left * 1000)},
    )
