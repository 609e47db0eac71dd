"""The rules that ``chat.sendMessage`` applies to a message before it is stored.

Source: ``app/lib/server/methods/sendMessage.ts`` and ``app/lib/server/functions/sendMessage.ts``,
6.5 and 8.3; the error texts as seen on 6.5.3 and 8.3.
"""

from typing import Any, Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.markdown import find_mentions
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.versions import Version

MAX_TEXT_UNITS: Final = 5000
"""``Message_MaxAllowedSize``, in UTF-16 code units."""

_MENTION_PERMISSIONS: Final = {"all": "mention-all", "here": "mention-here"}


def check_room(user: User, room: Room | None, version: Version) -> Room:
    """Return the room; raise RefusedError if the user may not write there."""
    if room is None:
        raise RefusedError("error-invalid-room")
    if not room.is_readable_by(user):
        raise RefusedError("error-not-allowed")
    if room.document.get("archived") and version.rejects_archived_room:
        raise RefusedError("room_is_archived")
    is_owner = room.document.get("u", {}).get("_id") == user.id
    if room.document.get("ro") and not is_owner:
        raise RefusedError("You can't send messages because the room is readonly.")
    if user.id in room.muted_ids:
        raise RefusedError("You_have_been_muted")
    return room


def check_text(text: str) -> None:
    """Raise RefusedError if a text is too long."""
    if len(text.encode("utf-16-le")) // 2 > MAX_TEXT_UNITS:
        raise RefusedError(
            "Message size exceeds Message_MaxAllowedSize",
            "error-message-size-exceeded",
            {"method": "sendMessage"},
        )


def check_content(user: User, message: Document, version: Version) -> None:
    """Raise RefusedError if the user may not send these attachments, names or mentions."""
    if (message.get("alias") or message.get("avatar")) and not user.may("message-impersonate"):
        raise RefusedError("Not enough permission")
    attachments = message.get("attachments") or []
    if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
        raise RefusedError("Match error: Match error: Expected array")
    if version.checks_attachments:
        for attachment in attachments:
            for field in attachment.get("fields") or []:
                _check_field(field)
    if (
        version.rejects_empty_message
        and not attachments
        and not str(message.get("msg") or "").strip()
    ):
        raise RefusedError("Cannot send an empty message", "error-invalid-message")
    for mention in find_mentions(str(message.get("msg") or ""), lambda _name: None):
        if not user.may(_MENTION_PERMISSIONS[mention["_id"]]):
            raise _make_mention_refused(mention["_id"])


def _make_mention_refused(word: str) -> RefusedError:
    reason = f"Notify {word} in this room not allowed"
    return make_not_allowed(reason, f"Notify_{word}_in_this_room", f"filterAT{word.title()}Tag")


def _check_field(field: Any) -> None:  # noqa: ANN401 - a client may send anything
    short = field.get("short") if isinstance(field, dict) else None
    if short is not None and not isinstance(short, bool):
        kind = "string" if isinstance(short, str) else "number"
        raise RefusedError(f"Match error: Match error: Expected boolean, got {kind} in field short")
    if not isinstance(field, dict) or not field.get("title") or not field.get("value"):
        raise RefusedError("Invalid attachment field, title and value is required")
