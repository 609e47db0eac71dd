"""Single messages, and lists: pinned, starred, mentioning, searched, of a direct message."""

import re
from collections.abc import Callable

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room

IsWanted = Callable[[Call, Document], bool]


def _get(call: Call) -> Response | Document:
    message = call.workspace.messages.find(call.params["msgId"])
    if message is None:
        return Response(400, {"success": False})
    room = call.workspace.find_room(message["rid"])
    if room is None or not room.is_readable_by(call.user):
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "getSingleMessage"})
    return {"message": dict(message)}


def _is_pinned(_call: Call, message: Document) -> bool:
    return bool(message.get("pinned"))


def _is_starred(call: Call, message: Document) -> bool:
    return {"_id": call.user.id} in message.get("starred", [])


def _is_mentioning(call: Call, message: Document) -> bool:
    return any(each["_id"] == call.user.id for each in message.get("mentions", []))


def _list(is_wanted: IsWanted, reason: str, kind: str = "") -> RouteFunction:
    """Make the route that lists a room's messages of a kind, newest first.

    ``reason`` and ``kind`` are those of the error for a room that the caller may not read.
    """

    def list_messages(call: Call) -> Document:
        room = call.workspace.find_room(call.params["roomId"])
        if room is None or not room.is_readable_by(call.user):
            raise RefusedError(reason, kind)
        return _make_page(call, [each for each in _read(call, room) if is_wanted(call, each)])

    return list_messages


def _list_direct(call: Call) -> Response | Document:
    """List the messages of a direct message, by its id or by the other's username."""
    rooms, params = call.workspace.rooms, call.params
    peer = call.workspace.find_user_by_name(params.get("username", ""))
    found = [
        room
        for room in rooms.of(call.user, "d")
        if peer and set(room.member_ids) == {peer.id, call.user.id}
    ]
    room = rooms.find(params.get("roomId")) or next(iter(found), None)
    if room is None or not room.has(call.user):
        reason = (
            'The required "roomId" or "username" param provided does not match any direct message'
        )
        raise RefusedError(reason, "error-room-not-found")
    return _make_page(call, _read(call, room))


def _search(call: Call) -> Response | Document:
    """Find a text, or a regular expression between slashes, as ``/a.c/i``."""
    room = call.workspace.find_room(call.params["roomId"])
    if room is None or not room.is_readable_by(call.user):
        return Response(400, {"success": False})
    wanted = _make_pattern(call.params["searchText"])
    found = [each for each in _read(call, room) if "t" not in each and wanted.search(each["msg"])]
    offset, count = call.parse_page()
    return {"messages": found[offset : offset + count]}


def _make_pattern(text: str) -> re.Pattern[str]:
    if expression := re.fullmatch("/(.+)/[imxsu]*", text):
        return re.compile(expression[1], re.IGNORECASE)
    words = "|".join(map(re.escape, text.split()))
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


def _read(call: Call, room: Room) -> list[Document]:
    return call.workspace.messages.of(room)[::-1]


def _make_page(call: Call, found: list[Document]) -> Document:
    offset, count = call.parse_page()
    page = found[offset : offset + count]
    return {"messages": page, "count": len(page), "offset": offset, "total": len(found)}


ROUTES: tuple[Route, ...] = (
    get("chat.getMessage", _get),
    get("chat.getPinnedMessages", _list(_is_pinned, "Not allowed", "error-not-allowed")),
    get("chat.getStarredMessages", _list(_is_starred, "error-not-allowed")),
    get("chat.getMentionedMessages", _list(_is_mentioning, "error-not-allowed")),
    get("chat.search", _search),
    get("im.messages", _list_direct),
    get("dm.messages", _list_direct),
)
