"""What is changed about a room: its name, its texts, archiving, deleting, and who has it open.

Source: ``app/api/server/v1/channels.ts``, ``groups.ts`` and ``rooms.ts``, 6.x to 8.3.
"""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, post
from rocketchat_simulator.rest.history import find_readable
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.rest.rooms import check_name, format_room
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room
from rocketchat_simulator.workspace.room_rules import check_archive, check_delete, check_edit

_SYSTEM_MESSAGES: Final = {
    "topic": "room_changed_topic",
    "description": "room_changed_description",
    "announcement": "room_changed_announcement",
}


@dataclass(frozen=True, slots=True)
class _RoomType:
    """Channels or groups: the prefix of their routes, and the server's words for one of them."""

    prefix: str
    word: str
    long_word: str
    code: str


_ROOM_TYPES: Final = (
    _RoomType("channels", "channel", "channel", "c"),
    _RoomType("groups", "group", "private group", "p"),
)


def find_open(call: Call, type_: str) -> Room:
    """Return the room that a call names; raise RefusedError also if it is archived."""
    room = find_readable(call, type_)
    if room.document.get("archived"):
        word = next(room_type.long_word for room_type in _ROOM_TYPES if room_type.code == room.type)
        raise RefusedError(f"The {word}, {room.name}, is archived", "error-room-archived")
    return room


def _set_text(room_type: _RoomType, parameter: str, field: str) -> RouteFunction:
    """Make the route that sets one of the room's texts."""

    def set_text(call: Call) -> Response | Document:
        if parameter not in call.body:
            return make_failure(400, f'The bodyParam "{parameter}" is required')
        room, text = find_open(call, room_type.code), str(call.body[parameter] or "")
        if _compares(room_type, parameter) and room.document.get(field) == text:
            shown = "purpose (description)" if parameter == "purpose" else parameter
            reason = f"The channel {shown} is the same as what it would be changed to."
            return make_failure(400, reason)
        check_edit(call.user, room)
        if text != room.document.get(field, ""):
            room.document[field] = text
            call.workspace.messages.say_system(call.user, room, _SYSTEM_MESSAGES[field], text)
        return {parameter: text}

    return set_text


def _compares(room_type: _RoomType, parameter: str) -> bool:
    """Return whether a text that is there already is refused, which it is in channels only."""
    return room_type.code == "c" and parameter != "announcement"


def _rename(room_type: _RoomType) -> RouteFunction:
    def rename(call: Call) -> Response | Document:
        name = call.body.get("name")
        if not isinstance(name, str) or not name.strip():
            return make_failure(400, 'The bodyParam "name" is required')
        room = find_open(call, room_type.code)
        if room.name == name and room_type.code == "c":
            reason = "The channel name is the same as what it would be renamed to."
            return make_failure(400, reason)
        check_edit(call.user, room)
        check_name(name)
        call.workspace.rooms.rename(room, name)
        call.workspace.messages.say_system(call.user, room, "r", name)
        return {room_type.word: format_room(room)}

    return rename


def _archive(room_type: _RoomType, *, is_archived: bool) -> RouteFunction:
    def archive(call: Call) -> Response | Document:
        room = (
            find_open(call, room_type.code) if is_archived else find_readable(call, room_type.code)
        )
        if not is_archived and room_type.code == "c" and not room.document.get("archived"):
            return make_failure(400, f"The channel, {room.name}, is not archived")
        check_archive(call.user, room, is_archived=is_archived)
        call.workspace.rooms.set_archived(room, is_archived=is_archived)
        word = "room-archived" if is_archived else "room-unarchived"
        call.workspace.messages.say_system(call.user, room, word)
        return {}

    return archive


def _delete(type_: str) -> RouteFunction:
    def delete(call: Call) -> Response | Document:
        room = find_readable(call, type_)
        check_delete(call.user, room)
        call.workspace.rooms.delete(room)
        return {}

    return delete


def _set_read_only(room_type: _RoomType) -> RouteFunction:
    def set_read_only(call: Call) -> Response | Document:
        is_read_only = call.body.get("readOnly")
        if is_read_only is None:
            return make_failure(400, 'The bodyParam "readOnly" is required')
        room = find_open(call, room_type.code)
        if room.document.get("ro") == is_read_only:
            reason = f"The {room_type.long_word} read only setting is the same as what it would be"
            return make_failure(400, f"{reason} changed to.")
        check_edit(call.user, room)
        room.document["ro"] = bool(is_read_only)
        word = "room-set-read-only" if is_read_only else "room-removed-read-only"
        call.workspace.messages.say_system(call.user, room, word)
        return {room_type.word: format_room(room)}

    return set_read_only


def _show(room_type: _RoomType, *, is_open: bool) -> RouteFunction:
    """Make the route that shows the room in the caller's list, or hides it there."""
    state = "open" if is_open else "closed"

    def show(call: Call) -> Response | Document:
        room = find_readable(call, room_type.code)
        row = call.workspace.rooms.subscription(call.user, room)
        if row is None and room_type.code == "c":
            end = '".' if is_open else "."
            return make_failure(400, f'The user/callee is not in the channel "{room.name}{end}')
        if row is None or row["open"] == is_open:
            preposition = "for" if is_open and room_type.code == "p" else "to"
            reason = f"The {room_type.long_word}, {room.name}, is already {state} {preposition}"
            return make_failure(400, f"{reason} the sender")
        _set_open(call, room, is_open=is_open)
        return {}

    return show


def _set_open(call: Call, room: Room, *, is_open: bool) -> None:
    """Show or hide a room; one that is hidden has nothing unread (``hideByRoomIdAndUserId``)."""
    read = {} if is_open else {"alert": False}
    call.workspace.rooms.change_subscription(room, call.user, open=is_open, **read)


def _show_direct(*, is_open: bool) -> RouteFunction:
    """Make ``im.open`` or ``im.close``; opening what is open is no error."""

    def show(call: Call) -> Response | Document:
        room = call.workspace.find_room(call.body.get("roomId"))
        if room is None or not room.has(call.user):
            return make_failure(403, "unauthorized")
        row = call.workspace.rooms.subscription(call.user, room)
        is_same = row is not None and row["open"] == is_open
        if is_same and not is_open:
            return make_failure(400, "The direct message room, is already closed to the sender")
        if not is_same:
            _set_open(call, room, is_open=is_open)
        return {}

    return show


def _set_direct_topic(call: Call) -> Response | Document:
    room = find_readable(call, "d")
    check_edit(call.user, room)
    topic = call.body.get("topic")
    call.workspace.rooms.change(room, topic=str(topic or ""))
    return {} if topic is None else {"topic": topic}


def _make_routes(room_type: _RoomType) -> tuple[Route, ...]:
    actions: dict[str, RouteFunction] = {
        "setTopic": _set_text(room_type, "topic", "topic"),
        "setDescription": _set_text(room_type, "description", "description"),
        "setPurpose": _set_text(room_type, "purpose", "description"),
        "setAnnouncement": _set_text(room_type, "announcement", "announcement"),
        "setReadOnly": _set_read_only(room_type),
        "rename": _rename(room_type),
        "archive": _archive(room_type, is_archived=True),
        "unarchive": _archive(room_type, is_archived=False),
        "delete": _delete(room_type.code),
        "open": _show(room_type, is_open=True),
        "close": _show(room_type, is_open=False),
    }
    return tuple(post(f"{room_type.prefix}.{name}", run) for name, run in actions.items())


def _make_direct_routes(prefix: str) -> tuple[Route, ...]:
    return (
        post(f"{prefix}.open", _show_direct(is_open=True)),
        post(f"{prefix}.close", _show_direct(is_open=False)),
        post(f"{prefix}.delete", _delete("d")),
        post(f"{prefix}.setTopic", _set_direct_topic),
    )


ROUTES: tuple[Route, ...] = (
    *(route for room_type in _ROOM_TYPES for route in _make_routes(room_type)),
    *_make_direct_routes("im"),
    *_make_direct_routes("dm"),
)
