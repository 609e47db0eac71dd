"""The rules that ``chat.sendMessage`` applies to a message before it is stored.

Source: ``app/lib/server/methods/sendMessage.ts`` and ``app/lib/server/functions/sendMessage.ts``,
6.5 and 8.3; the error texts as seen on 6.5.3 and 8.3.
"""

from datetime import datetime, timedelta
from typing import Final

from rocketchat_simulator.workspace.attachment_rules import check_types
from rocketchat_simulator.workspace.documents import Document, to_milliseconds
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.markdown import find_mentions
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.versions import Version

MAX_TEXT_UNITS: Final = 5000
"""``Message_MaxAllowedSize``, in UTF-16 code units."""

_MENTION_PERMISSIONS: Final = {"all": "mention-all", "here": "mention-here"}
_MAX_CLOCK_ERROR: Final = timedelta(seconds=60)
_MAX_KEPT_CLOCK_ERROR: Final = timedelta(seconds=10)
_SYSTEM_TYPES: Final = frozenset(
    {
        *("au", "ru", "uj", "ul", "ut", "r", "rm", "wm", "added-user-to-team", "command"),
        *("discussion-created", "message_pinned", "message_snippeted", "new-leader"),
        *("new-moderator", "new-owner", "room-allowed-reacting", "room-archived"),
        *("room-disallowed-reacting", "room-removed-read-only", "room-set-read-only"),
        *("room-unarchived", "room_changed_announcement", "room_changed_avatar"),
        *("room_changed_description", "room_changed_privacy", "room_changed_topic"),
        *("room_e2e_disabled", "room_e2e_enabled", "subscription-role-added"),
        *("subscription-role-removed", "user-muted", "user-unmuted", "videoconf"),
    }
)
_TRANSLATIONS: Final = {
    "error-invalid-room": "Invalid room",
    "error-not-allowed": "Not allowed",
    "You_have_been_muted": "You have been muted and cannot speak in this room",
}


def check_envelope(message: Document) -> None:
    """Raise RefusedError if what a client may not say about a message is in it."""
    if message.get("tshow") and not message.get("tmid"):
        details = {"method": "sendMessage"}
        raise RefusedError("tshow provided but missing tmid", "invalid-params", details)


def check_type(message: Document, version: Version, method: str) -> None:
    """Raise RefusedError for a type of the server's own, such as ``uj``; 6.5 takes them."""
    type_ = message.get("t")
    if isinstance(type_, str) and type_ in _SYSTEM_TYPES and not version.is_before_7:
        raise RefusedError(f"Cannot send system messages using '{method}'")


def choose_date(message: Document, now: datetime) -> datetime:
    """Return the date of a new message: the client's, if it is nearly now.

    Raise RefusedError if it is more than a minute off.
    """
    sent = _parse_date(message.get("ts"))
    if sent is None:
        return now
    error = abs(sent - now)
    if error > _MAX_CLOCK_ERROR:
        details = {"method": "sendMessage", "message_ts": message["ts"]}
        details |= {"server_ts": to_milliseconds(now)}
        reason = "Message timestamp is out of sync"
        raise RefusedError(reason, "error-message-ts-out-of-sync", details)
    return now if error > _MAX_KEPT_CLOCK_ERROR else sent


def check_room(user: User, room: Room | None, version: Version) -> Room:
    """Return the room; raise RefusedError if the user may not write there."""
    if room is None:
        raise RefusedError("error-invalid-room")
    if not room.is_readable_by(user):
        raise RefusedError("error-not-allowed")
    if room.document.get("archived") and version.rejects_archived_room:
        raise RefusedError("room_is_archived")
    if room.document.get("ro") and not room.allows(user, "post-readonly"):
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


def check_content(user: User, room: Room, message: Document, version: Version) -> None:
    """Raise RefusedError if the user may not send these attachments, names or mentions."""
    check_types(message, needs_values=version.checks_attachments)
    if (message.get("alias") or message.get("avatar")) and not user.may("message-impersonate"):
        raise RefusedError("Not enough permission")
    if message.get("customFields"):
        raise RefusedError("Custom fields not enabled")
    text = str(message.get("msg") or "")
    has_content = bool(message.get("attachments")) or bool(text.strip())
    if version.rejects_empty_message and not has_content:
        raise RefusedError("Cannot send an empty message", "error-invalid-message")
    for mention in find_mentions(text, lambda _name: None):
        if not room.allows(user, _MENTION_PERMISSIONS[mention["_id"]]):
            raise _make_mention_refused(mention["_id"])


def translate_refusal(error: RefusedError) -> str:
    """Return what the server tells the sender of a refused message, in English."""
    key = error.kind or error.reason
    return _TRANSLATIONS.get(key, key)


def _parse_date(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None


def _make_mention_refused(word: str) -> RefusedError:
    reason = f"Notify {word} in this room not allowed"
    return make_not_allowed(reason, f"Notify_{word}_in_this_room", f"filterAT{word.title()}Tag")
