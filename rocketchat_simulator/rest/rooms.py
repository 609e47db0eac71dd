"""Channels, groups and direct messages: creating, changing and listing them."""

from collections.abc import Callable, Iterable
from copy import deepcopy

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get, post
from rocketchat_simulator.rest.history import find_readable
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.models import Room, User


def _create(word: str, *, is_private: bool) -> RouteFunction:
    """Make the route that creates a room; ``word`` is its name in the response."""

    def create(call: Call) -> Response | Document:
        name = call.body.get("name")
        if not isinstance(name, str) or not name:
            raise RefusedError('Body parameter "name" is required', "error-name-required")
        if not call.user.may("create-p" if is_private else "create-c"):
            raise make_not_allowed("Not allowed", "create_room", "createChannel")
        found = map(call.workspace.find_user_by_name, call.body.get("members") or [])
        room = call.workspace.make_channel(
            name,
            [user for user in found if user],
            is_private=is_private,
            is_read_only=bool(call.body.get("readOnly")),
            creator=call.user,
        )
        return {word: _format_room(room)}

    return create


def _create_direct(call: Call) -> Response | Document:
    """Open a direct message; 6.5 refuses unknown names, later versions skip them."""
    body, workspace = call.body, call.workspace
    names = str(body.get("usernames") or body.get("username") or "").split(",")
    found = [workspace.find_user_by_name(name.strip()) for name in names]
    if workspace.version.rejects_unknown_names and None in found:
        details = {"method": "createDirectMessage"}
        raise RefusedError("Invalid user", "error-invalid-user", details)
    room = workspace.direct_room(call.user, *[user for user in found if user])
    names = room.document["usernames"]
    return {"room": {"t": "d", "rid": room.id, "usernames": names, "_id": room.id}}


def _list(word: str, types: str, *, lists_all: bool = False) -> RouteFunction:
    """Make the route that lists rooms of these types: all, or only the caller's."""

    def list_rooms(call: Call) -> Response | Document:
        rooms = call.workspace.rooms
        found = [room for room in rooms.all if room.type in types] if lists_all else None
        found = rooms.of(call.user, types) if found is None else found
        offset, count = call.parse_page()
        page = [_format_listed_room(room) for room in found[offset : offset + count]]
        return {word: page, "count": len(page), "offset": offset, "total": len(found)}

    return list_rooms


def _format_room(room: Room) -> Document:
    return deepcopy(room.document)


def _format_listed_room(room: Room) -> Document:
    names = {"_USERNAMES": room.document["usernames"]} if room.type == "d" else {}
    return _format_room(room) | names


def _info(word: str, types: Iterable[str]) -> RouteFunction:
    def show_room(call: Call) -> Response | Document:
        return {word: _format_listed_room(find_readable(call, types))}

    return show_room


def _members(types: Iterable[str]) -> RouteFunction:
    def list_members(call: Call) -> Response | Document:
        room = find_readable(call, types)
        found = [call.workspace.find_user(user_id) for user_id in room.member_ids]
        members = [
            {"_id": user.id, "username": user.username, "name": user.name, "status": user.status}
            for user in found
            if user
        ]
        offset, count = call.parse_page()
        page = members[offset : offset + count]
        return {"members": page, "count": len(page), "offset": offset, "total": len(members)}

    return list_members


def _on_member(word: str, types: str, act: Callable[[Call, Room, User], None]) -> RouteFunction:
    """Make a route that calls ``act`` with the room and the user that the body names."""

    def run(call: Call) -> Response | Document:
        room = find_readable(call, types)
        user = call.workspace.find_user(str(call.body.get("userId") or ""))
        user = user or call.workspace.find_user_by_name(str(call.body.get("username") or ""))
        if user is None:
            reason = 'The required "userId" or "username" param provided does not match any users'
            raise RefusedError(reason, "error-invalid-user")
        act(call, room, user)
        return {word: _format_room(room)}

    return run


def _require(call: Call, room: Room, permission: str, method: str) -> None:
    """Raise RefusedError unless the caller has the right in the room (texts as seen on 8.3)."""
    if room.allows(call.user, permission):
        return
    if method == "saveRoomSettings":
        raise make_not_allowed("Editing room is not allowed", "Editing_room", method)
    if method == "archiveRoom":
        raise RefusedError("Not authorized", "error-not-authorized", {"method": method})
    raise RefusedError("Not allowed", "error-not-allowed", {"method": method})


def _invite(call: Call, room: Room, user: User) -> None:
    _require(call, room, "add-user-to-joined-room", "addUsersToRoom")
    call.workspace.invite(call.user, user, room)


def _kick(call: Call, room: Room, user: User) -> None:
    _require(call, room, "remove-user", "removeUserFromRoom")
    call.workspace.remove(call.user, user, room)


def _on_room(types: str, act: Callable[[Call, Room], Document]) -> RouteFunction:
    """Make a route that calls ``act`` with the room that the body names."""

    def run(call: Call) -> Response | Document:
        return act(call, find_readable(call, types))

    return run


def _set_topic(call: Call, room: Room) -> Document:
    _require(call, room, "edit-room", "saveRoomSettings")
    topic = str(call.body.get("topic") or "")
    room.document["topic"] = topic
    call.workspace.messages.say_system(call.user, room, "room_changed_topic", topic)
    return {"topic": topic}


def _rename(word: str) -> Callable[[Call, Room], Document]:
    def rename(call: Call, room: Room) -> Document:
        _require(call, room, "edit-room", "saveRoomSettings")
        name = str(call.body.get("name") or "")
        room.document |= {"name": name, "fname": name}
        call.workspace.messages.say_system(call.user, room, "r", name)
        return {word: _format_room(room)}

    return rename


def _archive(call: Call, room: Room) -> Document:
    _require(call, room, "archive-room", "archiveRoom")
    room.document["archived"] = True
    call.workspace.messages.say_system(call.user, room, "room-archived")
    return {}


def _delete(call: Call, room: Room) -> Document:
    _require(call, room, f"delete-{room.type}", "eraseRoom")
    call.workspace.rooms.delete(room)
    return {}


def _join(call: Call, room: Room) -> Document:
    call.workspace.join(call.user, room)
    return {"channel": _format_room(room)}


def _leave(word: str) -> Callable[[Call, Room], Document]:
    def leave(call: Call, room: Room) -> Document:
        if room.document.get("archived"):
            kind = "channel" if room.type == "c" else "private group"
            reason = f"The {kind}, {room.name}, is archived"
            raise RefusedError(reason, "error-room-archived")
        call.workspace.remove(call.user, call.user, room)
        return {word: _format_room(room)}

    return leave


def _make_routes(prefix: str, word: str, type_: str) -> tuple[Route, ...]:
    """Make the routes that channels and groups have in common."""
    actions: dict[str, RouteFunction] = {
        "create": _create(word, is_private=type_ == "p"),
        "invite": _on_member(word, type_, _invite),
        "kick": _on_member(word, type_, _kick),
        "setTopic": _on_room(type_, _set_topic),
        "rename": _on_room(type_, _rename(word)),
        "archive": _on_room(type_, _archive),
        "delete": _on_room(type_, _delete),
        "leave": _on_room(type_, _leave(word)),
    }
    read = (
        get(f"{prefix}.info", _info(word, type_)),
        get(f"{prefix}.members", _members(type_)),
        get(f"{prefix}.list", _list(prefix, type_, lists_all=type_ == "c")),
    )
    return (*read, *(post(f"{prefix}.{name}", run) for name, run in actions.items()))


ROUTES: tuple[Route, ...] = (
    *_make_routes("channels", "channel", "c"),
    *_make_routes("groups", "group", "p"),
    post("channels.join", _on_room("c", _join)),
    get("channels.list.joined", _list("channels", "c")),
    post("im.create", _create_direct),
    post("dm.create", _create_direct),
    get("im.list", _list("ims", "d")),
    get("dm.list", _list("ims", "d")),
    get("im.members", _members("d")),
    get("rooms.info", _info("room", "cpd")),
)
