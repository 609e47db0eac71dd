"""The methods about messages.

Source: ``app/lib/server/methods``, ``server/methods`` and ``server/publications/messages.ts``, 8.x.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from rocketchat_simulator.methods.callers import make_match_failed, require_user
from rocketchat_simulator.workspace import message_actions
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.message_history import (
    DEFAULT_SYNC_COUNT,
    Changes,
    may_read_history,
    read_history,
    sync_messages,
)
from rocketchat_simulator.workspace.message_rules import check_type
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace

_FIXED_FIELDS: Final = frozenset({"tshow", "alias", "attachments", "avatar", "emoji", "msg"})
_REPORTED: Final = frozenset({"error-not-allowed", "restricted-workspace"})
Value = Any


def _send(
    workspace: Workspace, caller: User | None, message: Value, previewed: Value, *_: object
) -> object:
    """Send a message; all but a few refusals give neither a result nor an error.

    As seen on 6.5.3; server source ``app/lib/server/methods/sendMessage.ts``, 8.x.
    """
    if not isinstance(message, dict):
        raise make_match_failed()
    user = require_user(caller, "sendMessage")
    check_type(message, workspace.version, "sendMessage")
    try:
        return workspace.send_message(user, message, previewed)
    except RefusedError as error:
        kind = error.kind or error.reason
        if kind not in _REPORTED:
            return None
        raise RefusedError("", kind, {"method": "sendMessage"}) from error


def _update(
    workspace: Workspace, caller: User | None, changed: Value, previewed: Value, *_: object
) -> None:
    if not isinstance(changed, dict) or not isinstance(changed.get("_id"), str):
        raise make_match_failed()
    user = require_user(caller, "updateMessage")
    message = workspace.messages.find(changed["_id"])
    if message is None:
        return
    for name, value in changed.items():
        if name not in _FIXED_FIELDS and value != message.get(name):
            reason = f"Cannot update the message {name}"
            raise RefusedError(reason, "error-invalid-update-key", {"method": "updateMessage"})
    text = str(changed.get("msg") or "")
    message_actions.update_message(workspace, user, message, text, previewed)


def _delete(workspace: Workspace, caller: User | None, message: Value, *_: object) -> None:
    user = require_user(caller, "deleteMessage")
    found = workspace.messages.find(message.get("_id") if isinstance(message, dict) else None)
    if found is None:
        details = {"method": "deleteMessage", "action": "Delete_message"}
        raise RefusedError("Not allowed", "error-action-not-allowed", details)
    message_actions.delete_message(workspace, user, found)


def _react(
    workspace: Workspace,
    caller: User | None,
    emoji: Value,
    message_id: Value,
    should_react: Value,
    *_: object,
) -> None:
    user = require_user(caller, "setReaction")
    message = workspace.messages.find(message_id)
    if message is None:
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "setReaction"})
    message_actions.react(workspace, user, message, str(emoji), should_react)


def _pin(workspace: Workspace, caller: User | None, message: Value, *_: object) -> object:
    user = require_user(caller, "pinMessage")
    found = _find(workspace, message, "pinMessage", "pinning")
    return message_actions.pin(workspace, user, found)


def _unpin(workspace: Workspace, caller: User | None, message: Value, *_: object) -> object:
    user = require_user(caller, "unpinMessage")
    message_actions.unpin(workspace, user, _find(workspace, message, "unpinMessage", "unpinning"))
    return True


def _find(workspace: Workspace, message: Value, method: str, word: str) -> Document:
    if not isinstance(message, dict) or not isinstance(message.get("_id"), str):
        raise make_match_failed()
    found = workspace.messages.find(message["_id"])
    if found is None:
        details = {"method": method, "action": "Message_pinning"}
        reason = f"Message you are {word} was not found"
        raise RefusedError(reason, "error-invalid-message", details)
    return found


def _star(workspace: Workspace, caller: User | None, message: Value, *_: object) -> object:
    user = require_user(caller, "starMessage")
    if not isinstance(message, dict):
        raise make_match_failed()
    found = workspace.messages.find(message.get("_id"))
    is_set = bool(message.get("starred"))
    return found is not None and message_actions.star(workspace, user, found, is_set=is_set)


def _load_history(
    workspace: Workspace, caller: User | None, rid: Value, end: Value, limit: Value, *_: object
) -> object:
    """Return the messages before a date; False for a room that cannot be read."""
    user = require_user(caller, "loadHistory")
    if not isinstance(rid, str):
        raise make_match_failed()
    room = workspace.find_room(rid)
    if room is None or not (room.is_readable_by(user) and may_read_history(user, room)):
        return False
    latest = end if isinstance(end, datetime) else None
    found = read_history(workspace, room, latest=latest)
    count = limit if isinstance(limit, int) else DEFAULT_SYNC_COUNT
    return {"messages": found[:count], "unreadNotLoaded": 0}


def _get(
    workspace: Workspace, caller: User | None, rid: Value, options: Value, *_: object
) -> object:
    user = require_user(caller, "messages/get")
    if not isinstance(rid, str) or not isinstance(options, dict):
        raise make_match_failed()
    count = options.get("count")
    since = options.get("lastUpdate")
    wanted = Changes(
        since if isinstance(since, datetime) else None,
        options.get("next"),
        options.get("previous"),
        options.get("type"),
        count if isinstance(count, int) else DEFAULT_SYNC_COUNT,
    )
    return sync_messages(workspace, user, workspace.find_room(rid), wanted)


def _mark_read(workspace: Workspace, caller: User | None, rid: Value, *_: object) -> None:
    if not isinstance(rid, str):
        raise make_match_failed()
    user = require_user(caller, "readMessages")
    room = workspace.find_room(rid)
    if room is None or not room.is_readable_by(user):
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "readMessages"})
    workspace.rooms.mark_read(room, user)


METHODS: Final[Mapping[str, Callable[..., object]]] = {
    "sendMessage": _send,
    "updateMessage": _update,
    "deleteMessage": _delete,
    "setReaction": _react,
    "pinMessage": _pin,
    "unpinMessage": _unpin,
    "starMessage": _star,
    "loadHistory": _load_history,
    "messages/get": _get,
    "readMessages": _mark_read,
}
