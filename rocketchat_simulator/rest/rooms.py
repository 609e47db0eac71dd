"""Channels, groups and direct messages: creating, finding and listing them."""

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Final

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get, post
from rocketchat_simulator.rest.history import find_readable
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room, User

ROOM_NAME: Final = re.compile(r"[0-9a-zA-Z-_.]+")
"""``UTF8_Channel_Names_Validation``, whose default is this."""


def check_name(name: str) -> None:
    """Raise RefusedError if a channel or group may not have this name.

    Source: ``getValidRoomName.ts``; seen on 8.3.
    """
    if not ROOM_NAME.fullmatch(name):
        details = {"function": "RocketChat.getValidRoomName", "channel_name": name}
        reason = f"{name} is not a valid room name."
        raise RefusedError(reason, "error-invalid-room-name", details)


def _create(word: str, *, is_private: bool) -> RouteFunction:
    """Make the route that creates a room; ``word`` is its name in the response."""

    def create(call: Call) -> Response | Document:
        if not call.user.may("create-p" if is_private else "create-c"):
            return make_failure(403, "unauthorized")
        if problem := _find_problem(call.body, "Body param" if is_private else "Param"):
            return make_failure(400, problem)
        name = call.body["name"]
        if not isinstance(name, str) or not name.strip():
            details = {"function": "RocketChat.createRoom"}
            raise RefusedError("Invalid name", "error-invalid-name", details)
        check_name(name)
        found = map(call.workspace.find_user_by_name, map(str, call.body.get("members") or []))
        room = call.workspace.make_channel(
            name,
            [user for user in found if user],
            is_private=is_private,
            is_read_only=bool(call.body.get("readOnly")),
            creator=call.user,
        )
        return {word: format_room(room)}

    return create


def _find_problem(body: Document, what: str) -> str | None:
    """Return what is wrong with the body; ``what`` is how the server calls its fields."""
    if not body.get("name"):
        return f'{what} "name" is required'
    members = body.get("members")
    if members and not isinstance(members, list):
        return f'{what} "members" must be an array if provided'
    return None


def _create_direct(call: Call) -> Response | Document:
    """Open a direct message; 6.5 refuses unknown names, later versions skip them."""
    body, workspace = call.body, call.workspace
    names = str(body.get("usernames") or body.get("username") or "").split(",")
    found = [workspace.find_user_by_name(name.strip()) for name in names]
    if workspace.version.rejects_unknown_names and None in found:
        details = {"method": "createDirectMessage"}
        raise RefusedError("Invalid user", "error-invalid-user", details)
    # The caller makes the room without being in it, for bots that bring others together.
    callers = () if body.get("excludeSelf") is True else (call.user,)
    room = workspace.direct_room(*callers, *[user for user in found if user])
    names = room.document["usernames"]
    return {"room": {"t": "d", "rid": room.id, "usernames": names, "_id": room.id}}


def _list(word: str, types: str, *, lists_all: bool = False) -> RouteFunction:
    """Make the route that lists rooms of these types: all, or only the caller's."""

    def list_rooms(call: Call) -> Response | Document:
        rooms, wanted = call.workspace.rooms, call.params.get("_id") if lists_all else None
        found = [room for room in rooms.all if room.type in types] if lists_all else None
        found = rooms.of(call.user, types) if found is None else found
        found = [room for room in found if wanted in {None, "", room.id}]
        return make_page(call, word, [_format_listed_room(room) for room in found])

    return list_rooms


def make_page(call: Call, word: str, items: list[Document]) -> Document:
    """Return the page of a list that a call wants, under ``word``."""
    offset, count = call.parse_page()
    page = items[offset : offset + count]
    return {word: page, "count": len(page), "offset": offset, "total": len(items)}


def format_room(room: Room) -> Document:
    """Return a room as REST does after it was made or changed."""
    return deepcopy(room.document)


def _format_listed_room(room: Room) -> Document:
    names = {"_USERNAMES": room.document["usernames"]} if room.type == "d" else {}
    return format_room(room) | names


def _info(word: str, types: Iterable[str]) -> RouteFunction:
    def show_room(call: Call) -> Response | Document:
        return {word: _format_listed_room(find_readable(call, types))}

    return show_room


def _info_of_any(call: Call) -> Response | Document:
    """Return a room of any type; the errors differ from those of ``channels.info``."""
    if not (call.params.get("roomId") or call.params.get("roomName")):
        reason = 'The parameter "roomId" or "roomName" is required'
        raise RefusedError(reason, "error-roomid-param-not-provided")
    room = call.workspace.find_room(call.params.get("roomId"))
    if room is not None and not room.is_readable_by(call.user):
        return make_failure(400, "not-allowed", "Not Allowed")
    return {"room": _format_listed_room(find_readable(call, "cpd"))}


def _members(types: Iterable[str]) -> RouteFunction:
    def list_members(call: Call) -> Response | Document:
        room = find_direct(call) or find_readable(call, types)
        found = [call.workspace.find_user(user_id) for user_id in room.member_ids]
        members = [_format_member(user) for user in found if user and _is_wanted(call, user)]
        return make_page(call, "members", members)

    return list_members


def find_direct(call: Call) -> Room | None:
    """Return the caller's direct message with a ``username``, if the call names one."""
    peer = call.workspace.find_user_by_name(call.params.get("username") or "")
    return call.workspace.rooms.find_direct(call.user, peer) if peer else None


def _is_wanted(call: Call, user: User) -> bool:
    """Return whether a member matches ``filter`` (name or username) and ``status[]``."""
    text = call.params.get("filter", "").casefold()
    statuses = call.parse_list("status")
    is_found = text in user.username.casefold() or text in user.name.casefold()
    return is_found and (not statuses or user.status in statuses)


def _format_member(user: User) -> Document:
    return {
        "_id": user.id,
        "username": user.username,
        "name": user.name,
        "status": user.status,
        "_updatedAt": user.updated_at,
    }


def _make_routes(prefix: str, word: str, type_: str) -> tuple[Route, ...]:
    """Make the routes that channels and groups have in common."""
    return (
        post(f"{prefix}.create", _create(word, is_private=type_ == "p")),
        get(f"{prefix}.info", _info(word, type_)),
        get(f"{prefix}.members", _members(type_)),
        get(f"{prefix}.list", _list(prefix, type_, lists_all=type_ == "c")),
    )


def _make_direct_routes(prefix: str) -> tuple[Route, ...]:
    return (
        post(f"{prefix}.create", _create_direct),
        get(f"{prefix}.list", _list("ims", "d")),
        get(f"{prefix}.members", _members("d")),
    )


ROUTES: tuple[Route, ...] = (
    *_make_routes("channels", "channel", "c"),
    *_make_routes("groups", "group", "p"),
    *_make_direct_routes("im"),
    *_make_direct_routes("dm"),
    get("channels.list.joined", _list("channels", "c")),
    get("rooms.info", _info_of_any),
)
