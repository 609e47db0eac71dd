"""What users do to messages, with the server's checks, for REST and the realtime API.

Source: ``app/lib/server/methods/updateMessage.ts``, ``app/reactions/server/setReaction.ts``,
``app/message-star/server/starMessage.ts`` and ``app/message-pin/server/pinMessage.ts``, 6.x to 8.x.
"""

from collections.abc import Collection

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.emoji import is_emoji
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.message_rules import check_room, check_text
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace


def update_message(
    workspace: Workspace,
    user: User,
    message: Document,
    text: str,
    previewed: Collection[str] | None = None,
) -> None:
    """Change a message's text; the same text changes nothing."""
    room = workspace.find_room(message["rid"])
    if message["msg"] == text and previewed is None:
        return
    may_edit = room is not None and room.allows(user, "edit-message")
    if message["u"]["_id"] != user.id and not may_edit:
        raise make_not_allowed("Message editing not allowed", "Message_editing", "updateMessage")
    check_text(text)
    check_room(user, room, workspace.version)
    workspace.edit(user, message, text, previewed)


def delete_message(workspace: Workspace, user: User, message: Document) -> None:
    """Delete a message."""
    room = workspace.find_room(message["rid"])
    own = "delete-own-message" if message["u"]["_id"] == user.id else "force-delete-message"
    rights = ("force-delete-message", "delete-message", own)
    if room is None or not any(room.allows(user, right) for right in rights):
        raise RefusedError("Not allowed", "error-action-not-allowed")
    workspace.delete(message)


def react(
    workspace: Workspace, user: User, message: Document, emoji: str, should_react: object
) -> None:
    """Add or remove a reaction such as ``:smile:``; it is toggled unless told which."""
    name = emoji.replace(":", "")
    if not is_emoji(name):
        details = {"method": "setReaction"}
        raise RefusedError("Invalid emoji provided.", "error-not-allowed", details)
    reactions = message.get("reactions", {}).get(f":{name}:", {})
    has_reacted = user.username in reactions.get("usernames", [])
    is_set = should_react if isinstance(should_react, bool) else not has_reacted
    if is_set == has_reacted:
        return
    room = _find_room(workspace, user, message, "setReaction")
    may_write = room.allows(user, "post-readonly")
    if room.document.get("ro") and not (may_write or room.document.get("reactWhenReadOnly")):
        raise RefusedError("You can't send messages because the room is readonly.")
    workspace.react(user, message, f":{name}:", is_set=is_set)


def star(workspace: Workspace, user: User, message: Document, *, is_set: bool) -> bool:
    """Add or remove a star; return False where nothing happens, as for who is not in the room."""
    room = workspace.find_room(message["rid"])
    if room is None or not room.has(user):
        return False
    workspace.star(user, message, is_set=is_set)
    return True


def pin(workspace: Workspace, user: User, message: Document) -> Document:
    """Pin a message; return the system message about it, or a message that is pinned already."""
    if workspace.version.is_before_7:
        _check_membership(workspace, user, message, "pinning")
    room = _find_room(workspace, user, message, "pinMessage", "pin-message")
    if message.get("pinned"):
        return message
    workspace.pin(user, message)
    return workspace.messages.of(room)[-1]


def unpin(workspace: Workspace, user: User, message: Document) -> None:
    """Unpin a message."""
    _check_membership(workspace, user, message, "unpinning")
    _find_room(workspace, user, message, "unpinMessage", "pin-message")
    workspace.pin(user, message, is_set=False)


def _check_membership(workspace: Workspace, user: User, message: Document, word: str) -> None:
    room = workspace.find_room(message["rid"])
    if room is None or not room.has(user):
        method = "pinMessage" if word == "pinning" else "unpinMessage"
        details = {"method": method, "action": "Message_pinning"}
        reason = f"Message you are {word} was not found"
        raise RefusedError(reason, "error-invalid-message", details)


def _find_room(
    workspace: Workspace, user: User, message: Document, method: str, permission: str = ""
) -> Room:
    room = workspace.find_room(message["rid"])
    may = room is not None and (not permission or room.allows(user, permission))
    if room is None or not may or not room.is_readable_by(user):
        raise RefusedError("Not Authorized", "not-authorized", {"method": method})
    return room
