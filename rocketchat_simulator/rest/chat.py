"""Sending, changing and deleting messages."""

from copy import deepcopy
from typing import Any, Final

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.responses import Response, make_failure, make_missing_parameter
from rocketchat_simulator.workspace.documents import Document, to_milliseconds
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.message_rules import check_content, check_room, check_text
from rocketchat_simulator.workspace.models import Room, User

_KNOWN_EMOJI: Final = frozenset(
    {
        *("+1", "-1", "eyes", "grin", "heart", "joy", "ok", "ok_hand", "rocket", "smile", "smiley"),
        *("tada", "thumbsup", "thumbsdown", "wave", "white_check_mark", "x", "warning"),
    }
)


def _send(call: Call) -> Response | Document:
    message = call.body.get("message")
    version = call.workspace.version
    if not isinstance(message, dict):
        if version.is_before_7:
            reason = 'The "message" parameter must be provided.'
            raise RefusedError(reason, "error-invalid-params")
        return make_missing_parameter(version, "message", is_query=False)
    stored = call.workspace.send_message(call.user, message)
    shown = dict(stored)
    if version.hides_new_attachments and "_id" not in message and shown.get("attachments"):
        shown["attachments"] = []
        _hide_attachments_in_room(call, stored)
    return {"message": shown}


def _hide_attachments_in_room(call: Call, stored: Document) -> None:
    room = call.workspace.find_room(stored["rid"])
    last = room.document.get("lastMessage") if room else None
    if last and last["_id"] == stored["_id"]:
        last["attachments"] = []


def _post(call: Call) -> Response | Document:
    body, workspace = call.body, call.workspace
    room = _find_target(call)
    message = {"msg": body.get("text", ""), "attachments": body.get("attachments") or []}
    message |= {key: body[key] for key in ("alias", "avatar") if body.get(key)}
    check_text(message["msg"])
    check_room(call.user, room, workspace.version)
    check_content(call.user, message, workspace.version)
    has_attachments = bool(message["attachments"])
    extra: Document = {"alias": "", "parseUrls": not has_attachments, "groupable": False}
    extra |= {key: body[key] for key in ("alias", "avatar", "emoji") if body.get(key)}
    stored = workspace.say(
        call.user,
        room,
        message["msg"],
        thread_id=body.get("tmid"),
        attachments=message["attachments"],
        **extra,
    )
    if has_attachments:
        stored.pop("urls", None)
    stored.setdefault("attachments", [])
    target = body.get("channel") or body["roomId"]
    return {"ts": to_milliseconds(workspace.now()), "channel": target, "message": deepcopy(stored)}


def _find_target(call: Call) -> Room:
    """Find the room of ``chat.postMessage``; ``@name`` opens the direct message with a user."""
    body, workspace = call.body, call.workspace
    wanted = str(body.get("roomId") or body.get("channel") or "")
    if not wanted:
        raise RefusedError("", "invalid-channel")
    peer = workspace.find_user_by_name(wanted[1:]) if wanted.startswith("@") else None
    if peer is not None:
        return workspace.direct_room(call.user, peer)
    room = workspace.find_room(wanted) or workspace.rooms.find_by_name(wanted.removeprefix("#"))
    if room is None:
        raise RefusedError("", "invalid-channel")
    if wanted.startswith("#") and room.type == "c":
        workspace.join(call.user, room)
    return room


def _get(call: Call) -> Response | Document:
    message = call.workspace.messages.find(call.params.get("msgId"))
    if message is None:
        return Response(400, {"success": False})
    room = call.workspace.find_room(message["rid"])
    if room is None or not room.is_readable_by(call.user):
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "getSingleMessage"})
    return {"message": dict(message)}


def _update(call: Call) -> Response | Document:
    message = _find_message(call)
    if message["u"]["_id"] != call.user.id and not call.user.may("edit-message"):
        raise make_not_allowed("Message editing not allowed", "Message_editing", "updateMessage")
    text = str(call.body.get("text") or "")
    check_text(text)
    call.workspace.edit(call.user, message, text)
    return {"message": dict(message)}


def _delete(call: Call) -> Response | Document:
    message = _find_message(call)
    is_own = message["u"]["_id"] == call.user.id
    if not call.user.may("delete-own-message" if is_own else "force-delete-message"):
        raise make_not_allowed("Not allowed", "Delete_message", "deleteMessage")
    call.workspace.delete(message)
    shown = {key: message[key] for key in ("_id", "rid", "u")}
    now = to_milliseconds(call.workspace.now())
    return {"_id": message["_id"], "ts": str(now), "message": shown}


def _find_message(call: Call) -> Document:
    message_id = call.body.get("msgId")
    message = call.workspace.messages.find(message_id)
    if message is None:
        raise RefusedError(f'No message found with the id of "{message_id}".')
    if call.body.get("roomId") != message["rid"]:
        raise RefusedError("The room id provided does not match where the message is from.")
    return message


def _react(call: Call) -> Response | Document:
    message = call.workspace.messages.find(call.body.get("messageId"))
    if message is None:
        reason = 'The provided "messageId" does not match any existing message.'
        raise RefusedError(reason, "error-message-not-found")
    name = str(call.body.get("emoji") or call.body.get("reaction") or "").strip(":")
    if name not in _KNOWN_EMOJI:
        details = {"method": "setReaction"}
        raise RefusedError("Invalid emoji provided.", "error-not-allowed", details)
    is_set = call.body.get("shouldReact")
    if not isinstance(is_set, bool):
        is_set = not _has_reacted(call.user, message, f":{name}:")
    call.workspace.react(call.user, message, f":{name}:", is_set=is_set)
    return {}


def _has_reacted(user: User, message: Document, emoji: str) -> bool:
    reaction: Any = message.get("reactions", {}).get(emoji, {})
    return user.username in reaction.get("usernames", [])


def _star(call: Call) -> Response | Document:
    return _set_star(call, is_set=True)


def _unstar(call: Call) -> Response | Document:
    return _set_star(call, is_set=False)


def _set_star(call: Call, *, is_set: bool) -> Response | Document:
    message = call.workspace.messages.find(call.body.get("messageId"))
    if message is None:
        reason = 'The provided "messageId" does not match any existing message.'
        return make_failure(400, f"{reason} [error-message-not-found]", "error-message-not-found")
    call.workspace.star(call.user, message, is_set=is_set)
    return {}


ROUTES: tuple[Route, ...] = (
    post("chat.sendMessage", _send),
    post("chat.postMessage", _post),
    get("chat.getMessage", _get),
    post("chat.update", _update),
    post("chat.delete", _delete),
    post("chat.react", _react),
    post("chat.starMessage", _star),
    post("chat.unStarMessage", _unstar),
)
