"""Who is in a room: joining, leaving, inviting, removing, and the roles in it.

Source: ``app/api/server/v1/channels.ts``, ``groups.ts`` and ``rooms.ts``, 6.x to 8.3.
"""

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get, post
from rocketchat_simulator.rest.history import find_readable
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.rest.room_settings import find_open
from rocketchat_simulator.rest.rooms import format_room
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.room_rules import (
    ROLE_NAMES,
    check_invite,
    check_kick,
    check_leave,
    check_role,
)


def find_user(call: Call) -> User:
    """Return the user that the body names by id or by name; raise RefusedError if there is none."""
    body, people = call.body, call.workspace.people
    user_id = str(body.get("userId") or "").strip()
    name = str(body.get("username") or body.get("user") or "").strip()
    if not (user_id or name):
        reason = 'The required "userId" or "username" param was not provided'
        raise RefusedError(reason, "error-user-param-not-provided")
    user = people.find(user_id) if user_id else people.find_by_name(name)
    if user is None:
        reason = 'The required "userId" or "username" param provided does not match any users'
        raise RefusedError(reason, "error-invalid-user")
    return user


def _find_users(call: Call) -> list[User]:
    """Return the users that the body names, without those who do not exist."""
    body, people = call.body, call.workspace.people
    listed = body.get("userIds") or body.get("usernames") or []
    one = body.get("userId") or body.get("username") or body.get("user")
    names = [str(name) for name in [*(listed if isinstance(listed, list) else []), one] if name]
    if not names:
        reason = 'Please provide "userId" or "username" or "userIds" or "usernames" as param'
        raise RefusedError(reason, "error-users-params-not-provided")
    is_by_id = body.get("userIds") or body.get("userId")
    find = people.find if is_by_id else people.find_by_name
    return [user for user in map(find, dict.fromkeys(names)) if user]


def _invite(word: str, type_: str) -> RouteFunction:
    def invite(call: Call) -> Response | Document:
        room, users = find_open(call, type_), _find_users(call)
        if not users and type_ == "p":
            reason = "Cannot invite if no valid users are provided"
            raise RefusedError(reason, "error-empty-invite-list")
        if not users:
            # The two texts are in each other's place, as on the server.
            reason = "Cannot invite if no users are provided"
            return make_failure(400, "invalid-user-invite-list", reason)
        check_invite(call.user, room)
        for user in users:
            call.workspace.invite(call.user, user, room)
        return {word: format_room(room)}

    return invite


def _kick(word: str, type_: str) -> RouteFunction:
    """Make the route that removes a member; only channels are in the answer."""

    def kick(call: Call) -> Response | Document:
        room, user = find_open(call, type_), find_user(call)
        check_kick(call.user, room, user)
        call.workspace.remove(call.user, user, room)
        return {word: format_room(room)} if type_ == "c" else {}

    return kick


def _leave(word: str, type_: str) -> RouteFunction:
    def leave(call: Call) -> Response | Document:
        room = find_open(call, type_)
        check_leave(call.user, room)
        call.workspace.remove(call.user, call.user, room)
        return {word: format_room(room)} if type_ == "c" else {}

    return leave


def _join(call: Call) -> Response | Document:
    room = find_open(call, "c")
    call.workspace.join(call.user, room)
    return {"channel": format_room(room)}


def _set_role(type_: str, role: str, *, is_added: bool) -> RouteFunction:
    def set_role(call: Call) -> Response | Document:
        room, target = find_open(call, type_), find_user(call)
        check_role(call.user, room, target, role, is_added=is_added)
        call.workspace.set_room_role(call.user, target, room, role, is_set=is_added)
        return {}

    return set_role


def _list_roles(type_: str) -> RouteFunction:
    """Make the route that lists who has roles in the room (``getRoomRoles.ts``)."""

    def list_roles(call: Call) -> Response | Document:
        room = find_open(call, type_)
        rows = [_format_roles(call, room, user_id) for user_id in room.roles]
        return {"roles": [row for row in rows if row["roles"]]}

    return list_roles


def _format_roles(call: Call, room: Room, user_id: str) -> Document:
    user = call.workspace.find_user(user_id)
    row = call.workspace.rooms.subscription(user, room) if user else None
    roles = room.roles[user_id]
    return (
        {"_id": row["_id"], "rid": room.id, "u": row["u"], "roles": roles} if row else {"roles": []}
    )


def _list_moderators(type_: str) -> RouteFunction:
    def list_moderators(call: Call) -> Response | Document:
        room = find_open(call, type_)
        found = [_format_roles(call, room, user_id) for user_id in room.roles]
        return {"moderators": [row["u"] for row in found if "moderator" in row["roles"]]}

    return list_moderators


def _count(type_: str) -> RouteFunction:
    """Make ``counters``: what a member has unread, and the sizes of the room."""

    def count(call: Call) -> Response | Document:
        sees_all = call.user.may("view-room-administration")
        if call.params.get("userId") and not sees_all:
            return make_failure(403, "unauthorized")
        room = find_readable(call, type_)
        user = call.workspace.find_user(call.params.get("userId") or call.user.id)
        row = call.workspace.rooms.subscription(user, room) if user else None
        answer: Document = dict.fromkeys(_COUNTERS) | {"joined": False}
        if row is not None and (row["open"] or type_ == "d"):
            answer |= {"joined": True, "userMentions": row["userMentions"]}
            answer |= _count_unread(call, room, row)
        if sees_all or answer["joined"]:
            latest = room.document.get("lm", room.document["_updatedAt"])
            answer |= {"msgs": room.document["msgs"], "latest": latest}
            answer |= {"members": len(room.member_ids)}
        return answer

    return count


_COUNTERS = ("joined", "members", "unreads", "unreadsFrom", "msgs", "latest", "userMentions")


def _count_unread(call: Call, room: Room, row: Document) -> Document:
    """Count what was said since the member read last; direct messages count what they are told."""
    if room.type == "d":
        return {"unreads": row["unread"], "unreadsFrom": row.get("ls")}
    since = row.get("ls", row["ts"])
    messages = call.workspace.messages.of(room)
    return {"unreads": sum(each["ts"] >= since for each in messages), "unreadsFrom": since}


def _make_routes(prefix: str, word: str, type_: str) -> tuple[Route, ...]:
    roles = [
        post(f"{prefix}.{verb}{role.title()}", _set_role(type_, role, is_added=verb == "add"))
        for role in ROLE_NAMES
        for verb in ("add", "remove")
    ]
    return (
        *roles,
        post(f"{prefix}.invite", _invite(word, type_)),
        post(f"{prefix}.kick", _kick(word, type_)),
        post(f"{prefix}.leave", _leave(word, type_)),
        get(f"{prefix}.roles", _list_roles(type_)),
        get(f"{prefix}.moderators", _list_moderators(type_)),
        get(f"{prefix}.counters", _count(type_)),
    )


ROUTES: tuple[Route, ...] = (
    *_make_routes("channels", "channel", "c"),
    *_make_routes("groups", "group", "p"),
    post("channels.join", _join),
    get("im.counters", _count("d")),
    get("dm.counters", _count("d")),
)
