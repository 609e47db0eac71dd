"""A room's history, its threads, and what has changed since a date."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document, from_milliseconds, to_milliseconds
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def _history(types: str) -> RouteFunction:
    """Make the route for rooms of these types; it returns the newest message first."""

    def read(call: Call) -> Response | Document:
        room = find_readable(call, types)
        oldest = call.parse_date("oldest") or _EARLIEST
        latest = call.parse_date("latest") or _LATEST
        is_inclusive = call.params.get("inclusive") == "true"
        shows_threads = call.params.get("showThreadMessages") != "false"
        found = [
            message
            for message in reversed(call.workspace.messages.of(room))
            if (oldest < message["ts"] < latest)
            or (is_inclusive and message["ts"] in {oldest, latest})
        ]
        messages = [
            each for each in found if shows_threads or "tmid" not in each or each.get("tshow")
        ]
        offset, count = call.parse_page()
        return {"messages": messages[offset : offset + count]}

    return read


def _thread(call: Call) -> Response | Document:
    root = call.workspace.messages.find(call.params.get("tmid"))
    room = call.workspace.find_room(root["rid"]) if root else None
    if root is None or room is None:
        raise RefusedError("Invalid Message", "error-invalid-message")
    if not room.is_readable_by(call.user):
        raise RefusedError("Not Allowed", "error-not-allowed")
    replies = [each for each in call.workspace.messages.of(room) if each.get("tmid") == root["_id"]]
    offset, count = call.parse_page()
    page = replies[offset : offset + count]
    return {"messages": page, "count": len(page), "offset": offset, "total": len(replies)}


def _sync(call: Call) -> Response | Document:
    room = call.workspace.find_room(call.params.get("roomId"))
    if room is None or not room.is_readable_by(call.user):
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "messages/get"})
    cursors = {"next", "previous"}.intersection(call.params)
    if "lastUpdate" in call.params and cursors:
        reason = "The attributes 'next', 'previous' and 'lastUpdate' cannot be used together"
        raise RefusedError(reason, "error-cursor-and-lastUpdate-conflict")
    if len(cursors) > 1:
        reason = "You cannot provide both 'next' and 'previous' parameters"
        raise RefusedError(reason, "error-cursor-conflict")
    if "type" in call.params:
        return {"result": _sync_page(call, room)}
    since = call.parse_date("lastUpdate")
    if since is None:
        reason = 'The required "lastUpdate" query param is missing.'
        raise RefusedError(reason, "error-param-required")
    return {"result": _sync_since(call, room, since)}


def _sync_since(call: Call, room: Room, since: datetime) -> Document:
    changed = [each for each in call.workspace.messages.of(room) if each["_updatedAt"] > since]
    gone = call.workspace.messages.tombstones_of(room)
    deleted = [_format_tombstone(each) for each in gone if each["_deletedAt"] > since]
    return {"updated": changed[::-1], "deleted": deleted}


def _sync_page(call: Call, room: Room) -> Document:
    """Return one page of changes, oldest first; without a cursor it is empty."""
    is_deleted = call.params["type"] == "DELETED"
    key = "_deletedAt" if is_deleted else "_updatedAt"
    messages = call.workspace.messages
    rows = messages.tombstones_of(room) if is_deleted else messages.of(room)
    _, count = call.parse_page()
    page, cursor = _select_page(sorted(rows, key=lambda row: row[key]), key, call, count)
    shown = [_format_tombstone(row) for row in page] if is_deleted else page
    empty: Document = {"updated": [], "deleted": []}
    return empty | {"deleted" if is_deleted else "updated": shown, "cursor": cursor}


def _select_page(
    rows: list[Document], key: str, call: Call, count: int
) -> tuple[list[Document], dict[str, str | None]]:
    forward, backward = call.params.get("next"), call.params.get("previous")
    if forward is None and backward is None:
        return [], {"next": None, "previous": None}
    position = from_milliseconds(float(forward or backward or 0))
    if forward is not None:
        found = [row for row in rows if row[key] > position]
        page, has_more = found[:count], len(found) > count
    else:
        found = [row for row in rows if row[key] < position]
        page, has_more = found[-count:], len(found) > count
    first = str(to_milliseconds(page[0][key])) if page else None
    last = str(to_milliseconds(page[-1][key])) if page else None
    if forward is not None:
        return page, {"next": last if has_more else None, "previous": first}
    return page, {"next": last, "previous": first if has_more else None}


def _format_tombstone(tombstone: Document) -> Document:
    return {key: tombstone[key] for key in ("_id", "_deletedAt")}


def find_readable(call: Call, types: Iterable[str]) -> Room:
    """Return the room that a call names by ``roomId`` or ``roomName``.

    Raise RefusedError unless it is of one of these types and the caller may read it.
    """
    given = call.params if call.params.keys() & {"roomId", "roomName"} else call.body
    room = call.workspace.find_room(given.get("roomId"))
    room = room or call.workspace.rooms.find_by_name(str(given.get("roomName") or ""))
    if room is None or room.type not in types or not room.is_readable_by(call.user):
        reason = 'The required "roomId" or "roomName" param provided does not match any'
        kind = {"c": "channel", "p": "group", "d": "direct message"}.get("".join(types), "channel")
        raise RefusedError(f"{reason} {kind}", "error-room-not-found")
    return room


ROUTES: tuple[Route, ...] = (
    get("channels.history", _history("c")),
    get("groups.history", _history("p")),
    get("im.history", _history("d")),
    get("dm.history", _history("d")),
    get("chat.getThreadMessages", _thread),
    get("chat.syncMessages", _sync),
)
