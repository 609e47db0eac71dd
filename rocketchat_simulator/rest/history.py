"""A room's history, its threads, and what has changed since a date."""

from collections.abc import Iterable
from typing import Final

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.message_history import (
    DEFAULT_SYNC_COUNT,
    Changes,
    may_read_history,
    read_history,
    sync_messages,
)
from rocketchat_simulator.workspace.models import Room

_FIRST_WITH_CURSORS: Final = (7, 0)


def _history(types: str) -> RouteFunction:
    """Make the route for rooms of these types; it returns the newest message first."""

    def read(call: Call) -> Response | Document:
        room = find_readable(call, types)
        if not may_read_history(call.user, room):
            return make_failure(403, "unauthorized")
        messages = read_history(
            call.workspace,
            room,
            call.parse_date("oldest"),
            call.parse_date("latest"),
            is_inclusive=call.params.get("inclusive") == "true",
            shows_threads=call.params.get("showThreadMessages") != "false",
        )
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
    """Return changes: of a date, or from 7.0 on of a cursor; ``type`` alone finds none."""
    params, room = call.params, call.workspace.find_room(call.params["roomId"])
    if call.workspace.version.number < _FIRST_WITH_CURSORS:
        return {"result": sync_messages(call.workspace, call.user, room, _read_date(call))}
    if not (params.get("lastUpdate") or params.get("type")):
        reason = 'The "type" or "lastUpdate" parameters must be provided'
        raise RefusedError(reason, "error-param-required")
    wanted = Changes(
        call.parse_date("lastUpdate", ends_with_dot=False),
        params.get("next"),
        params.get("previous"),
        params.get("type"),
        int(params.get("count") or DEFAULT_SYNC_COUNT),
    )
    found = sync_messages(call.workspace, call.user, room, wanted)
    found = {"updated": [], "deleted": []} if "messages" in found else found
    return {"result": found}


def _read_date(call: Call) -> Changes:
    since = call.parse_date("lastUpdate", kind="error-roomId-param-invalid")
    if since is None:
        reason = 'The required "lastUpdate" query param is missing.'
        raise RefusedError(reason, "error-lastUpdate-param-not-provided")
    return Changes(since)


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
