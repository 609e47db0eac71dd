"""The caller's rooms and subscriptions: all, or those changed since a date."""

from copy import deepcopy

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError


def _get_rooms(call: Call) -> Response | Document:
    since = call.parse_date("updatedSince")
    rooms = [room.document for room in call.workspace.rooms.of(call.user)]
    return {"update": _select_changed(rooms, since), "remove": []}


def _get_subscriptions(call: Call) -> Response | Document:
    since = call.parse_date("updatedSince")
    rows = call.workspace.rooms.subscriptions_of(call.user)
    return {"update": _select_changed(rows, since), "remove": []}


def _select_changed(rows: list[Document], since: object) -> list[Document]:
    return [deepcopy(row) for row in rows if since is None or row["_updatedAt"] > since]


def _get_one(call: Call) -> Response | Document:
    room = call.workspace.find_room(call.params.get("roomId"))
    row = call.workspace.rooms.subscription(call.user, room) if room else None
    return {"subscription": deepcopy(row)}


def _read(call: Call) -> Response | Document:
    """Mark a room as read; its threads only with ``readThreads``."""
    room = call.workspace.find_room(call.body.get("rid") or call.body.get("roomId"))
    row = call.workspace.rooms.subscription(call.user, room) if room else None
    if room is None or row is None:
        # A plain error, without a type (as seen on 8.3).
        raise RefusedError("error-invalid-subscription")
    reads_threads = call.body.get("readThreads") is True
    call.workspace.rooms.mark_read(room, call.user, reads_threads=reads_threads)
    return {}


ROUTES: tuple[Route, ...] = (
    get("rooms.get", _get_rooms),
    get("subscriptions.get", _get_subscriptions),
    get("subscriptions.getOne", _get_one),
    post("subscriptions.read", _read),
)
