"""The methods that a client can call over the websocket."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final

from rocketchat_simulator.realtime.connection import Connection
from rocketchat_simulator.realtime.frames import Frame, MethodError, Value
from rocketchat_simulator.realtime.login import ClientInfo, log_in, log_out
from rocketchat_simulator.workspace.documents import Document, parse_ejson
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import RoomActivity
from rocketchat_simulator.workspace.models import Room, User

_MAX_SENDS: Final = 5
_SEND_WINDOW_S: Final = 1.0

Params = list[Value]


class Methods:
    """The methods of one connection."""

    def __init__(self, client: ClientInfo) -> None:
        self._client: Final = client
        self._window_start: datetime | None = None
        self._sends = 0

    def call(self, connection: Connection, name: str, params: Params) -> object:
        """Run a method; return its result or None, or raise MethodError if it is refused."""
        method = self._find(connection, name)
        if method is None:
            raise MethodError(404, f"Method '{name}' not found")
        return method(connection, *_pad(parse_ejson(params)))

    def _find(self, connection: Connection, name: str) -> Callable[..., object] | None:
        if name == "setReaction" and not connection.workspace.version.is_before_7:
            return None
        methods: dict[str, Callable[..., object]] = {
            "login": self._log_in,
            "logout": self._log_out,
            "sendMessage": self._send_message,
            "setReaction": self._set_reaction,
            "stream-notify-room": self._publish_activity,
            "rooms/get": self._get_rooms,
            "subscriptions/get": self._get_subscriptions,
            "createDirectMessage": self._create_direct_message,
            "getRoomIdByNameOrId": self._get_room_id,
            "joinRoom": self._join_room,
        }
        return methods.get(name)

    def _log_in(self, connection: Connection, options: Value, *_: object) -> object:
        return log_in(connection, self._client, options)

    def _log_out(self, connection: Connection, *_: object) -> None:
        log_out(connection)

    def _send_message(self, connection: Connection, message: Value, *_: object) -> object:
        """Send a message; some refusals return neither result nor error (as seen on 6.5.3)."""
        user = _require_user(connection, "sendMessage")
        self._count_send(connection, user)
        if not isinstance(message, dict) or "rid" not in message:
            raise MethodError(500, "Internal server error")
        try:
            return connection.workspace.send_message(user, message)
        except RefusedError as error:
            if error.reason == "error-not-allowed":
                raise MethodError("error-not-allowed", "", {"method": "sendMessage"}) from error
            if error.kind:
                raise MethodError(error.kind, error.reason, error.details) from error
            return None

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

    def _set_reaction(
        self,
        connection: Connection,
        emoji: Value,
        message_id: Value,
        should_react: Value,
        *_: object,
    ) -> None:
        user = _require_user(connection, "setReaction")
        message = connection.workspace.messages.find(message_id)
        if message is None:
            raise MethodError("error-not-allowed", "Not allowed", {"method": "setReaction"})
        name = f":{str(emoji).strip(':')}:"
        has_reacted = user.username in message.get("reactions", {}).get(name, {}).get(
            "usernames", []
        )
        is_set = should_react if isinstance(should_react, bool) else not has_reacted
        connection.workspace.react(user, message, name, is_set=is_set)

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

    def _get_rooms(self, connection: Connection, since: Value, *_: object) -> object:
        user = connection.user
        rooms = connection.workspace.rooms.of(user) if user else []
        return _make_update([_make_room(room) for room in rooms], since)

    def _get_subscriptions(self, connection: Connection, since: Value, *_: object) -> object:
        user = connection.user
        rows = connection.workspace.rooms.subscriptions_of(user) if user else []
        return _make_update(rows, since)

    def _create_direct_message(self, connection: Connection, *usernames: Value) -> object:
        user = _require_user(connection, "createDirectMessage")
        workspace = connection.workspace
        names = [name for name in usernames if isinstance(name, str)]
        found = [workspace.find_user_by_name(name) for name in names]
        if None in found and workspace.version.rejects_unknown_names:
            details = {"method": "createDirectMessage"}
            raise MethodError("error-invalid-user", "Invalid user", details)
        room = workspace.direct_room(user, *(other for other in found if other))
        return {"t": "d", "rid": room.id, "usernames": room.document["usernames"]}

    def _get_room_id(self, connection: Connection, name: Value, *_: object) -> object:
        rooms = connection.workspace.rooms
        room = rooms.find(name) or rooms.find_by_name(str(name))
        if room is None or connection.user is None or not room.is_readable_by(connection.user):
            details = {"method": "getRoomIdByNameOrId"}
            raise MethodError("error-not-allowed", "Not allowed", details)
        return room.id

    def _join_room(self, connection: Connection, room_id: Value, *_: object) -> object:
        user = _require_user(connection, "joinRoom")
        room = connection.workspace.find_room(room_id)
        if room is None:
            raise MethodError("error-invalid-room", "Invalid room", {"method": "joinRoom"})
        if room.type != "c":
            raise MethodError("error-not-allowed", "Not allowed", {"method": "joinRoom"})
        connection.workspace.join(user, room)
        return True


def _require_user(connection: Connection, method: str) -> User:
    if connection.user is None:
        raise MethodError("error-invalid-user", "Invalid user", {"method": method})
    return connection.user


def _make_too_many_requests(seconds_left: float) -> MethodError:
    wait = math.ceil(seconds_left)
    return MethodError(
        "too-many-requests",
        "Error, too many requests. Please slow down. "
        f"You must wait {wait} seconds before trying again.",
        {"timeToReset": round(seconds_left * 1000)},
    )


def _make_update(documents: list[Document], since: object) -> object:
    """Return all documents as a list, or with a date those that have changed since."""
    if not isinstance(since, datetime):
        return documents
    changed = [each for each in documents if each["_updatedAt"] > since]
    return {"update": changed, "remove": []}


def _make_room(room: Room) -> Frame:
    return {key: value for key, value in room.document.items() if key != "_USERNAMES"}


def _pad(params: Params) -> Params:
    """Return four parameters: missing ones are None, further ones are dropped."""
    return [*params, None, None, None, None][:4]
