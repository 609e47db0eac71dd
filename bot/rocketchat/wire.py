"""Translation between Rocket.Chat's JSON and ``bot.models``: ``rid``, ``tmid``, ``$date`` end here.

Parsing is lenient: unknown keys are ignored, missing or invalid values become empty, and only a
document without its ids is a ``ProtocolError``. Keys that are not named here, such as
``loginToken``, never enter the program.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, Final

from bot.errors import ProtocolError
from bot.models import (
    Attachment,
    Button,
    Device,
    Document,
    Fact,
    Message,
    OperatingSystem,
    OutgoingMessage,
    Room,
    RoomType,
    Sender,
    Session,
    SessionPage,
    User,
)
from bot.rocketchat.addresses import normalise_addresses

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROOM_MENTIONS: Final = frozenset({"all", "here"})
_SERVER_USER_ID: Final = "rocket.cat"
_MAX_UTC_OFFSET_H: Final = 14.0
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_EMPTY: Final = "–"  # noqa: RUF001 - people read an en dash as "nothing here"

ROOM_KEYS: Final = ("_id", "rid", "t", "uids", "_updatedAt")
"""What ``parse_room`` reads."""
MESSAGE_KEYS: Final = (
    *("_id", "rid", "u", "msg", "ts", "tmid", "editedAt", "t", "mentions"),
    *("bot", "alias", "private"),
)
"""What ``parse_message`` reads."""


def parse_document(raw: str | bytes) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else.

    Uses the standard library, which accepts half a surrogate pair, as JavaScript does, and any
    depth up to Python's recursion limit.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_text(value: object) -> str:
    """Return a text that every database and socket accepts; empty for anything else."""
    # None accepts half a surrogate pair, and PostgreSQL accepts no NUL.
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode(errors="replace").decode().replace("\0", _REPLACEMENT)


def parse_object(value: object) -> Document:
    """Return a JSON object; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def parse_array(value: object) -> Sequence[object]:
    """Return a JSON array; empty for anything else."""
    return value if isinstance(value, list | tuple) else ()


def require_object(document: Document, key: str) -> Document:
    """Return the object under the key; raise ProtocolError where there is none."""
    if not isinstance(found := document.get(key), Mapping):
        raise ProtocolError(f"no {key} in the answer")
    return found


def require_text(document: Document, key: str, source: str = "answer") -> str:
    """Return the text under the key; raise ProtocolError where there is none, or an empty one.

    ``source`` names the document in the error.
    """
    if not (found := parse_text(document.get(key))):
        raise ProtocolError(f"no {key} in the {source}")
    return found


def parse_date(value: object) -> datetime | None:
    """Return the UTC time of ``{"$date": ms}``, an ISO text or milliseconds; None for all else.

    The first and the last year of the calendar are None, too.
    """
    if value is None:
        return None
    if not isinstance(value, str) and isinstance(value, Mapping):
        value = value.get("$date")
    try:
        if isinstance(value, str):
            return _leave_room(_in_utc(datetime.fromisoformat(value)))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _leave_room(_EPOCH + timedelta(milliseconds=value))
    except (ValueError, OverflowError):
        return None
    return None


def _leave_room(moment: datetime) -> datetime | None:
    # A time at either end of the calendar cannot be shown in every zone, nor counted on from.
    return moment if MINYEAR < moment.year < MAXYEAR else None


def format_date(moment: datetime) -> str:
    """Format a time as Rocket.Chat does: ISO, UTC, milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_message(document: Document, context: Document | None = None) -> Message:
    """Parse a message of the stream or of REST; ``context`` is the stream's second argument.

    Without ``context`` the room type is ``OTHER``. A message without a time gets the oldest time
    there is, so that it is never taken for a new one.
    """
    context = context or {}
    return Message(
        id=require_text(document, "_id", "message"),
        room_id=require_text(document, "rid", "message"),
        room_type=_parse_room_type(context.get("roomType")),
        sender=_parse_sender(document.get("u")),
        text=parse_text(document.get("msg")),
        sent_at=parse_date(document.get("ts")) or _EPOCH,
        is_participant=context.get("roomParticipant") is not False,
        thread_id=parse_text(document.get("tmid")) or None,
        edited_at=parse_date(document.get("editedAt")),
        system_type=parse_text(document.get("t")),
        is_automatic=_is_automatic(document),
        mentions=_parse_mentions(document.get("mentions")),
    )


def parse_history(rows: Sequence[object], room_type: RoomType) -> Iterator[Message]:
    """Parse the messages of a room; skip those that cannot be parsed."""
    for row in rows:
        with suppress(ProtocolError):
            yield parse_message(parse_object(row), {"roomType": room_type.value})


def parse_session(document: Document) -> Session:
    """Parse a row of ``sessions/list`` or the response of ``sessions/info``."""
    return Session(
        # ``_id`` is no substitute: in sessions/info it is the id of the database row.
        id=require_text(document, "sessionId", "session"),
        user_id=parse_text(document.get("userId")),
        device=_parse_device(document.get("device")),
        ip=normalise_addresses(parse_text(document.get("ip"))),
        host=parse_text(document.get("host")),
        logged_in_at=parse_date(document.get("loginAt")),
        last_activity_at=parse_date(document.get("lastActivityAt")),
        closed_at=parse_date(document.get("closedAt")),
        logged_out_at=parse_date(document.get("logoutAt")),
        logged_out_by=parse_text(document.get("logoutBy")),
        # Only the whole database row has them: sessions/info until 8.7, sessions/list never.
        is_activity_recorded="_updatedAt" in document or "createdAt" in document,
    )


def parse_session_page(document: Document) -> SessionPage:
    """Parse the response of ``sessions/list``."""
    rows = document.get("sessions")
    if not isinstance(rows, list):
        raise ProtocolError("sessions/list: no sessions in the answer")
    sessions = tuple(parse_session(row) for row in rows if isinstance(row, dict))
    total = document.get("total")
    return SessionPage(sessions, total if isinstance(total, int) else len(sessions))


def parse_user(document: Document) -> User:
    """Parse the response of ``me``, or the user of ``users.info``."""
    preferences = parse_object(parse_object(document.get("settings")).get("preferences"))
    return User(
        id=require_text(document, "_id", "user"),
        username=parse_text(document.get("username")),
        name=parse_text(document.get("name")),
        utc_offset=_parse_offset(document.get("utcOffset")),
        language=_parse_language(preferences.get("language"), document.get("language")),
    )


def parse_public_setting(document: Document, name: str) -> str | None:
    """Parse one setting of ``settings.public``; None where the answer does not have it."""
    settings = map(parse_object, parse_array(document.get("settings")))
    found = next((each for each in settings if each.get("_id") == name), None)
    return None if found is None else parse_text(found.get("value"))


def _parse_language(*values: object) -> str:
    # "default" is none (server source, ``getSubscriptionAutotranslateDefaultConfig``).
    languages = (parse_text(each) for each in values)
    return next((each for each in languages if each not in {"", "default"}), "")


def parse_room(document: Document) -> Room:
    """Parse a room of ``rooms.info``, ``rooms.get`` or ``im.create``."""
    key = "_id" if parse_text(document.get("_id")) else "rid"
    ids = tuple(parse_text(id_) for id_ in parse_array(document.get("uids")))
    return Room(
        id=require_text(document, key, "room"),
        type=_parse_room_type(document.get("t")),
        member_ids=tuple(id_ for id_ in ids if id_),
        updated_at=parse_date(document.get("_updatedAt")),
    )


def format_message(message: OutgoingMessage) -> dict[str, object]:
    """Return the body of ``chat.sendMessage``."""
    body: dict[str, Any] = {"_id": message.id, "rid": message.room_id, "msg": message.text}
    if message.thread_id:
        body["tmid"] = message.thread_id
    if message.attachment:
        body["attachments"] = [_format_attachment(message.attachment, message.sent_at)]
    if message.buttons:
        rows = [_format_buttons(row, message) for row in message.buttons]
        body["attachments"] = [*body.get("attachments", ()), *rows]
    # An empty list keeps the server from fetching the links of the message for previews (since
    # 6.4, says its API documentation; older servers look at ``message`` only): a connection link
    # is for one person only.
    return {"message": body, "previewUrls": []}


def _in_utc(moment: datetime) -> datetime:
    # REST always writes the Z; a text without a zone can only be UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _parse_room_type(value: object) -> RoomType:
    try:
        return RoomType(parse_text(value))
    except ValueError:
        return RoomType.OTHER


def _parse_sender(value: object) -> Sender:
    document = parse_object(value)
    return Sender(
        id=require_text(document, "_id", "sender"),
        username=parse_text(document.get("username")),
        name=parse_text(document.get("name")),
    )


def _is_automatic(document: Document) -> bool:
    return bool(
        document.get("bot")
        or parse_text(document.get("alias"))
        or document.get("private") is True
        or parse_object(document.get("u")).get("_id") == _SERVER_USER_ID
    )


def _parse_mentions(value: object) -> dict[str, str]:
    mentions = [parse_object(mention) for mention in parse_array(value)]
    users = [
        mention for mention in mentions if _is_of_user(mention) and parse_text(mention.get("_id"))
    ]
    return {parse_text(user["_id"]): parse_text(user.get("username")) for user in users}


def _is_of_user(mention: Document) -> bool:
    # Old servers write no type; @all and @here never have one, teams always have one.
    kind = mention.get("type")
    return kind == "user" or (kind is None and mention.get("_id") not in _ROOM_MENTIONS)


def _parse_device(value: object) -> Device:
    document = parse_object(value)
    system = parse_object(document.get("os"))
    return Device(
        type=parse_text(document.get("type")),
        name=parse_text(document.get("name")),
        version=parse_text(document.get("version")),
        long_version=parse_text(document.get("longVersion")),
        os=OperatingSystem(parse_text(system.get("name")), parse_text(system.get("version"))),
    )


def _parse_offset(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_valid = math.isfinite(value) and abs(value) <= _MAX_UTC_OFFSET_H
    return float(value) if is_valid else None


def _format_attachment(attachment: Attachment, sent_at: datetime) -> dict[str, object]:
    document: dict[str, object] = {
        "color": str(attachment.colour),
        # 6.5.3 dates an attachment without ``ts`` to 1970.
        "ts": format_date(sent_at),
    }
    if attachment.title:
        document["title"] = attachment.title
    if attachment.text:
        document["text"] = attachment.text
    if attachment.facts:
        document["fields"] = [_format_fact(fact) for fact in attachment.facts]
    return document


def _format_buttons(row: Sequence[Button], message: OutgoingMessage) -> dict[str, object]:
    """Return a row of buttons, spelt as a real 6.5.3 and 8.3 took and kept it.

    It is an attachment of its own: of one with buttons the mobile app shows no fields (source
    ``Attachments.tsx`` and ``AttachedActions.tsx`` of Rocket.Chat.ReactNative).
    """
    colour = {"color": str(message.attachment.colour)} if message.attachment else {}
    return colour | {
        "ts": format_date(message.sent_at),
        "button_alignment": "horizontal",
        "actions": [_format_button(button) for button in row],
    }


def _format_button(button: Button) -> dict[str, object]:
    if button.url:
        return {"type": "button", "text": button.label, "url": button.url}
    return {
        "type": "button",
        "text": button.label,
        "msg": button.text,
        "msg_in_chat_window": True,
        "msg_processing_type": "sendMessage",
    }


def _format_fact(fact: Fact) -> dict[str, object]:
    # Since 8.0 the server refuses a message with an empty title or value.
    return {
        "title": fact.title.strip() or _EMPTY,
        "value": fact.value.strip() or _EMPTY,
        "short": fact.is_short,
    }
