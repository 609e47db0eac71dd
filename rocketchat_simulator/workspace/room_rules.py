"""Who may change a room and its members, with the server's errors.

Source, 8.3 and as far as read the same in 6.5: ``saveRoomSettings.ts``, ``removeUserFromRoom.ts``,
``addUsersToRoom.ts``, ``leaveRoom.ts``, ``addRoomOwner.ts`` and its siblings, ``archiveRoom.ts``,
``eraseRoom.ts``. The refusals of plain members as seen on 8.3.
"""

from typing import Final

from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.models import Room, User

ROLE_NAMES: Final = ("owner", "moderator", "leader")
_LAST_OWNER: Final = (
    "You are the last owner. Please set new owner before leaving the room.",
    "error-you-are-last-owner",
)


def check_edit(user: User, room: Room) -> None:
    """Raise RefusedError if a user may not change name, topic and the like."""
    if not room.allows(user, "edit-room"):
        raise make_not_allowed("Editing room is not allowed", "Editing_room", "saveRoomSettings")


def check_archive(user: User, room: Room, *, is_archived: bool) -> None:
    """Raise RefusedError if a user may not archive the room, or bring it back."""
    permission, method = ("archive-room", "archiveRoom")
    if not is_archived:
        permission, method = ("unarchive-room", "unarchiveRoom")
    if not room.allows(user, permission):
        raise RefusedError("Not authorized", "error-not-authorized", {"method": method})


def check_delete(user: User, room: Room) -> None:
    """Raise RefusedError if a user may not delete the room."""
    if not room.allows(user, f"delete-{room.type}"):
        raise _make_refused("eraseRoom")


def check_invite(user: User, room: Room) -> None:
    """Raise RefusedError if a user may not add others."""
    is_allowed = room.has(user) and room.allows(user, "add-user-to-joined-room")
    if not (is_allowed or user.may(f"add-user-to-any-{room.type}-room")):
        raise _make_refused("addUsersToRoom")


def check_kick(user: User, room: Room, removed: User) -> None:
    """Raise RefusedError if a user may not remove another."""
    method = "removeUserFromRoom"
    if not room.allows(user, "remove-user"):
        raise _make_refused(method)
    may_kick_anybody = user.may(f"kick-user-from-any-{room.type}-room")
    if not (may_kick_anybody or room.has(removed)):
        raise _make_absent("User is not in this room", method)
    if room.is_last_owner(removed):
        raise RefusedError(*_LAST_OWNER, {"method": method})


def check_leave(user: User, room: Room) -> None:
    """Raise RefusedError if a user may not leave."""
    method = "leaveRoom"
    if room.type == "d" or not user.may(f"leave-{room.type}"):
        raise _make_refused(method)
    if not room.has(user):
        raise _make_absent("You are not in this room", method)
    if room.is_last_owner(user):
        raise RefusedError(*_LAST_OWNER, {"method": method})


def check_role(user: User, room: Room, target: User, role: str, *, is_added: bool) -> None:
    """Raise RefusedError if a user may not give another a role of the room, or take it."""
    method = f"{'add' if is_added else 'remove'}Room{role.title()}"
    details = {"method": method}
    if not room.allows(user, f"set-{role}"):
        raise _make_refused(method)
    if not room.has(target):
        if is_added or role != "owner":
            raise _make_absent("User is not in this room", method)
        raise RefusedError("Invalid room", "error-invalid-room", details)
    article = "an" if role == "owner" else "a"
    has_role = role in room.roles_of(target)
    if is_added and has_role:
        raise RefusedError(
            f"User is already {article} {role}", f"error-user-already-{role}", details
        )
    if not is_added and not has_role:
        raise RefusedError(f"User is not {article} {role}", f"error-user-not-{role}", details)
    if not is_added and role == "owner" and room.is_last_owner(target):
        reason = "This is the last owner. Please set a new owner before removing this one."
        raise RefusedError(reason, "error-remove-last-owner", details)


def _make_refused(method: str) -> RefusedError:
    return RefusedError("Not allowed", "error-not-allowed", {"method": method})


def _make_absent(reason: str, method: str) -> RefusedError:
    return RefusedError(reason, "error-user-not-in-room", {"method": method})
