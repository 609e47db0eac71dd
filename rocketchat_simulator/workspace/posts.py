"""Posting to rooms by name, as ``chat.postMessage`` and incoming webhooks do.

Source: ``app/lib/server/functions/processWebhookMessage.ts``, 6.5 and 8.x.
"""

from collections.abc import Mapping
from typing import Any, Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.message_rules import check_content, check_room
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace

_NO_DEFAULTS: Final[Mapping[str, str]] = {}


def post_message(
    workspace: Workspace,
    user: User,
    posted: Document,
    defaults: Mapping[str, str] = _NO_DEFAULTS,
) -> list[tuple[str, Document]]:
    """Post a message to each room that it names; return each name with the stored message.

    ``defaults`` may have ``channel``, ``alias``, ``avatar`` and ``emoji``. Raise RefusedError for
    the first room that is unknown or refuses the message; those before have it then.
    """
    targets = posted.get("channel") or posted.get("roomId") or defaults.get("channel") or ""
    targets = targets if isinstance(targets, list) else [targets]
    if not all(isinstance(name, str) for name in targets):
        raise RefusedError("", "invalid-channel")
    names = list(dict.fromkeys(targets))
    return [(name, _post_to(workspace, user, name, posted, defaults)) for name in names]


def _post_to(
    workspace: Workspace, user: User, name: str, posted: Document, defaults: Mapping[str, str]
) -> Document:
    room = _find_room(workspace, user, name)
    message = _read_message(posted, defaults)
    check_room(user, room, workspace.version)
    check_content(user, room, message, workspace.version)
    text = message.pop("msg")
    attachments = message.pop("attachments")
    thread_id = message.pop("tmid", None)
    return workspace.say(user, room, text, thread_id=thread_id, attachments=attachments, **message)


def _read_message(posted: Document, defaults: Mapping[str, str]) -> Document:
    attachments = posted.get("attachments")
    attachments = attachments if isinstance(attachments, list) else None
    parses_urls = posted.get("parseUrls")
    message: Document = {
        "msg": str(posted.get("text") or posted.get("msg") or "").strip(),
        "attachments": [_read_attachment(each) for each in attachments or []],
        "alias": posted.get("username") or posted.get("alias") or defaults.get("alias", ""),
        "parseUrls": not attachments if parses_urls is None else parses_urls,
        "groupable": posted.get("groupable", False),
    }
    message |= {name: posted[name] for name in ("bot", "tmid", "customFields") if posted.get(name)}
    return message | _read_picture(posted, defaults)


def _read_picture(posted: Document, defaults: Mapping[str, str]) -> Document:
    avatar = posted.get("icon_url") or posted.get("avatar")
    emoji = posted.get("icon_emoji") or posted.get("emoji")
    if avatar or emoji:
        return {"avatar": avatar} if avatar else {"emoji": emoji}
    name = next((each for each in ("avatar", "emoji") if defaults.get(each)), None)
    return {name: defaults[name]} if name else {}


def _read_attachment(attachment: Any) -> Any:  # noqa: ANN401 - a client may send anything
    if not isinstance(attachment, dict) or not attachment.get("msg"):
        return attachment
    rest = {name: value for name, value in attachment.items() if name != "msg"}
    return rest | {"text": str(attachment["msg"]).strip()}


def _find_room(workspace: Workspace, user: User, name: str) -> Room:
    """Find a room by id, ``#name``, ``@username`` or name; ``@`` opens a direct message."""
    if name.startswith("@"):
        peer = workspace.find_user_by_name(name[1:])
        if peer is None:
            raise RefusedError("", "invalid-channel")
        return workspace.direct_room(user, peer)
    room = workspace.find_room(name) or workspace.rooms.find_by_name(name.removeprefix("#"))
    if room is None:
        peer = workspace.find_user(name)
        if peer is None:
            raise RefusedError("", "invalid-channel")
        return workspace.direct_room(user, peer)
    if room.type == "c" and user.may("view-c-room"):
        workspace.join(user, room)
    return room
