"""Sending messages: ``chat.sendMessage`` and ``chat.postMessage``."""

from copy import deepcopy

from rocketchat_simulator.rest.call import Call, Route, post, read_previewed
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document, to_milliseconds
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.message_rules import check_text, check_type
from rocketchat_simulator.workspace.posts import post_message


def _send(call: Call) -> Response | Document:
    message = call.body["message"]
    if not isinstance(message, dict):
        # What 6.5 makes of it was not read; a text has no room there either.
        raise RefusedError("The 'rid' property on the message object is missing.")
    check_type(message, call.workspace.version, "chat.sendMessage")
    stored = call.workspace.send_message(call.user, message, read_previewed(call.body))
    shown = dict(stored)
    if _hides_attachments(call, stored, message):
        shown["attachments"] = []
    return {"message": shown}


def _hides_attachments(call: Call, stored: Document, sent: Document) -> bool:
    """Return whether the response omits the attachments, and the room's last message with it.

    It does in direct messages only, and not for a message with an ``_id`` (as seen on 8.3).
    """
    room = call.workspace.find_room(stored["rid"])
    is_direct = room is not None and room.type == "d"
    if not (call.workspace.version.hides_new_attachments and is_direct and "_id" not in sent):
        return False
    last = room.document.get("lastMessage") if room else None
    if last and last["_id"] == stored["_id"] and stored.get("attachments"):
        last["attachments"] = []
    return bool(stored.get("attachments"))


def _post(call: Call) -> Response | Document:
    body, workspace = call.body, call.workspace
    for text in _find_texts(body):
        try:
            check_text(text)
        except RefusedError:
            return make_failure(400, "error-message-size-exceeded")
    target, stored = post_message(workspace, call.user, body)[0]
    shown = deepcopy(stored)
    shown.setdefault("attachments", [])
    return {"ts": to_milliseconds(workspace.now()), "channel": target, "message": shown}


def _find_texts(body: Document) -> list[str]:
    attachments = body.get("attachments")
    attachments = attachments if isinstance(attachments, list) else []
    texts = [each.get("text") for each in attachments if isinstance(each, dict)]
    return [text for text in (body.get("text"), *texts) if isinstance(text, str)]


ROUTES: tuple[Route, ...] = (
    post("chat.sendMessage", _send),
    post("chat.postMessage", _post),
)
