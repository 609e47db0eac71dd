"""The methods about rooms and settings, and the search for rooms and people."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from rocketchat_simulator.methods.callers import require_user
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.room_rules import check_leave
from rocketchat_simulator.workspace.workspace import Workspace

_MAX_FOUND: Final = 5
Value = Any


def _get_rooms(workspace: Workspace, user: User | None, since: Value, *_: object) -> object:
    rooms = workspace.rooms.of(user) if user else []
    return _make_update([_format_room(room) for room in rooms], since)


def _get_subscriptions(workspace: Workspace, user: User | None, since: Value, *_: object) -> object:
    rows = workspace.rooms.subscriptions_of(user) if user else []
    return _make_update(rows, since)


def _create_direct_message(workspace: Workspace, caller: User | None, *usernames: Value) -> object:
    user = require_user(caller, "createDirectMessage")
    names = [name for name in usernames if isinstance(name, str)]
    found = [workspace.find_user_by_name(name) for name in names]
    if None in found and workspace.version.rejects_unknown_names:
        details = {"method": "createDirectMessage"}
        raise RefusedError("Invalid user", "error-invalid-user", details)
    room = workspace.direct_room(user, *(other for other in found if other))
    return {"t": "d", "rid": room.id, "usernames": room.document["usernames"]}


def _get_room_id(workspace: Workspace, user: User | None, name: Value, *_: object) -> object:
    rooms = workspace.rooms
    room = rooms.find(name) or rooms.find_by_name(str(name))
    if room is None or user is None or not room.is_readable_by(user):
        details = {"method": "getRoomIdByNameOrId"}
        raise RefusedError("Not allowed", "error-not-allowed", details)
    return room.id


def _join_room(workspace: Workspace, caller: User | None, room_id: Value, *_: object) -> object:
    user = require_user(caller, "joinRoom")
    room = workspace.find_room(room_id)
    if room is None:
        raise RefusedError("Invalid room", "error-invalid-room", {"method": "joinRoom"})
    if room.type != "c":
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "joinRoom"})
    if room.has(user):
        # No result at all (as seen on 8.3).
        return None
    workspace.join(user, room)
    return True


def _leave_room(workspace: Workspace, caller: User | None, room_id: Value, *_: object) -> None:
    """Leave a room (server source ``leaveRoom.ts``)."""
    user, room = require_user(caller, "leaveRoom"), workspace.find_room(room_id)
    if room is None:
        raise RefusedError("Invalid room", "error-invalid-room", {"method": "leaveRoom"})
    check_leave(user, room)
    workspace.remove(user, user, room)


def _get_room_name(workspace: Workspace, caller: User | None, room_id: Value, *_: object) -> object:
    """Return the name of a room (server source ``getRoomNameById.ts``)."""
    user, room = require_user(caller, "getRoomNameById"), workspace.find_room(room_id)
    if room is None or not room.is_readable_by(user):
        details = {"method": "getRoomNameById"}
        raise RefusedError("Not allowed", "error-not-allowed", details)
    return room.name


def _get_public_settings(
    workspace: Workspace, _caller: User | None, since: Value, *_: object
) -> object:
    """Return all public settings; with a date none, for the simulator keeps no dates of them."""
    settings = workspace.settings.list_public()
    return {"update": [], "remove": []} if isinstance(since, datetime) else settings


def _spotlight(
    workspace: Workspace, user: User | None, text: Value, excluded: Value, types: Value, *_: object
) -> object:
    """Find people and public channels whose names have a text in them.

    ``@`` and ``#`` before it choose one of both (server source ``server/lib/spotlight.js``, 6.x;
    the order of the server's results is left out).
    """
    wanted = str(text or "")
    both = types if isinstance(types, dict) else {"users": True, "rooms": True}
    kinds = {"@": {"users": True}, "#": {"rooms": True}}.get(wanted[:1], both)
    name = wanted.lstrip("@#").casefold()
    others = [each for each in workspace.users if each.username not in (excluded or ())]
    people = [each for each in others if name in f"{each.username}\n{each.name}".casefold()]
    rooms = [room for room in workspace.rooms.all if room.type == "c" and user is not None]
    found = [room for room in rooms if name in str(room.name).casefold()]
    return {
        "users": [_format_person(each) for each in people[:_MAX_FOUND] if kinds.get("users")],
        "rooms": [_format_found(each) for each in found[:_MAX_FOUND] if kinds.get("rooms")],
    }


def _format_person(user: User) -> Document:
    status = {"statusText": user.status_text} if user.status_text else {}
    names: Document = {"_id": user.id, "username": user.username, "name": user.name}
    return names | {"status": user.status, "outside": True} | status


def _format_found(room: Room) -> Document:
    names = {"_id": room.id, "name": room.name, "t": room.type}
    return names | ({"fname": room.document["fname"]} if "fname" in room.document else {})


def _make_update(documents: list[Document], since: object) -> object:
    """Return all documents as a list, or with a date those that have changed since."""
    if not isinstance(since, datetime):
        return documents
    changed = [each for each in documents if each["_updatedAt"] > since]
    return {"update": changed, "remove": []}


def _format_room(room: Room) -> Document:
    return {key: value for key, value in room.document.items() if key != "_USERNAMES"}


METHODS: Final[Mapping[str, Callable[..., object]]] = {
    "rooms/get": _get_rooms,
    "subscriptions/get": _get_subscriptions,
    "createDirectMessage": _create_direct_message,
    "getRoomIdByNameOrId": _get_room_id,
    "joinRoom": _join_room,
    "leaveRoom": _leave_room,
    "getRoomNameById": _get_room_name,
    "public-settings/get": _get_public_settings,
    "spotlight": _spotlight,
}
