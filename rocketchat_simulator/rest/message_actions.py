"""Changing and deleting messages: edits, reactions, stars and pins."""

from rocketchat_simulator.rest.call import Call, Route, post, read_previewed
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace import message_actions
from rocketchat_simulator.workspace.documents import Document, to_milliseconds
from rocketchat_simulator.workspace.errors import RefusedError


def _update(call: Call) -> Response | Document:
    message = _find_in_room(call)
    if "text" not in call.body:
        raise RefusedError("Only encrypted messages can have content updated.")
    text, previewed = call.body["text"], read_previewed(call.body)
    message_actions.update_message(call.workspace, call.user, message, text, previewed)
    return {"message": dict(message)}


def _delete(call: Call) -> Response | Document:
    message = _find_in_room(call)
    message_actions.delete_message(call.workspace, call.user, message)
    shown = {key: message[key] for key in ("_id", "rid", "u")}
    now = to_milliseconds(call.workspace.now())
    return {"_id": message["_id"], "ts": str(now), "message": shown}


def _find_in_room(call: Call) -> Document:
    message_id = call.body["msgId"]
    message = call.workspace.messages.find(message_id)
    if message is None:
        raise RefusedError(f'No message found with the id of "{message_id}".')
    if call.body["roomId"] != message["rid"]:
        raise RefusedError("The room id provided does not match where the message is from.")
    return message


def _react(call: Call) -> Response | Document:
    message = _find(call)
    emoji = call.body.get("emoji") or call.body.get("reaction")
    if not emoji:
        reason = 'The required "emoji" param is missing.'
        raise RefusedError(reason, "error-emoji-param-not-provided")
    should_react = call.body.get("shouldReact")
    message_actions.react(call.workspace, call.user, message, str(emoji), should_react)
    return {}


def _star(call: Call) -> Response | Document:
    message_actions.star(call.workspace, call.user, _find(call), is_set=True)
    return {}


def _unstar(call: Call) -> Response | Document:
    message_actions.star(call.workspace, call.user, _find(call), is_set=False)
    return {}


def _pin(call: Call) -> Response | Document:
    return {"message": dict(message_actions.pin(call.workspace, call.user, _find(call)))}


def _unpin(call: Call) -> Response | Document:
    message_actions.unpin(call.workspace, call.user, _find(call))
    return {}


def _find(call: Call) -> Document:
    message = call.workspace.messages.find(call.body["messageId"])
    if message is None:
        reason = 'The provided "messageId" does not match any existing message.'
        raise RefusedError(reason, "error-message-not-found")
    return message


ROUTES: tuple[Route, ...] = (
    post("chat.update", _update),
    post("chat.delete", _delete),
    post("chat.react", _react),
    post("chat.starMessage", _star),
    post("chat.unStarMessage", _unstar),
    post("chat.pinMessage", _pin),
    post("chat.unPinMessage", _unpin),
)
