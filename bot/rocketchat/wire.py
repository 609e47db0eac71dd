"""Rocket.Chat's JSON to the house's nouns and back: ``rid``, ``u``, ``tmid``, ``$date`` end here.

Reading is lenient: unknown keys are passed over, missing or odd ones become empty, and only a
document without its ids is a ``ProtocolError``. What is not named here (``loginToken``,
``searchTerm``, ``roles``) never gets in.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.errors import ProtocolError
from bot.models import (
    Attachment,
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

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROOM_MENTIONS: Final = frozenset({"all", "here"})
_SERVER_USERNAME: Final = "rocket.cat"
_WIDEST_OFFSET: Final = 14.0
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_NOTHING: Final = "–"  # noqa: RUF001 - an en dash is what people read as "nothing here"


def parse_date(value: object) -> datetime | None:
    """Read ``{"$date": ms}``, an ISO text or a number of milliseconds, as UTC; else None."""
    if value is None:
        return None
    if not isinstance(value, str) and isinstance(value, Mapping):
        value = value.get("$date")
    try:
        if isinstance(value, str):
            return _in_utc(datetime.fromisoformat(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(milliseconds=value)
    except (ValueError, OverflowError):
        return None
    return None


def format_date(moment: datetime) -> str:
    """Write a time as Rocket.Chat does: ISO, UTC, milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_message(document: Document, about: Document | None = None) -> Message:
    """Read a message of the stream or of REST; ``about`` is the stream's second argument.

    Without ``about`` the room type is ``OTHER``. A message without a time is taken for as old
    as can be, so that it is never mistaken for news.
    """
    about = about or {}
    return Message(
        id=_require_id(document, "_id", "message"),
        room_id=_require_id(document, "rid", "message"),
        room_type=_parse_room_type(about.get("roomType")),
        sender=_parse_sender(document.get("u")),
        text=_text(document.get("msg")),
        sent_at=parse_date(document.get("ts")) or _EPOCH,
        is_participant=about.get("roomParticipant") is not False,
        thread_id=_text(document.get("tmid")) or None,
        edited_at=parse_date(document.get("editedAt")),
        system_type=_text(document.get("t")),
        is_automatic=_is_automatic(document),
        mentioned_ids=_parse_mentions(document.get("mentions")),
    )


def parse_history(rows: Sequence[object], room_type: RoomType) -> Iterator[Message]:
    """Read what was said in a room; a message that cannot be read is passed over."""
    for row in rows:
        with suppress(ProtocolError):
            yield parse_message(_object(row), {"roomType": room_type.value})


def parse_session(document: Document) -> Session:
    """Read a row of ``sessions/list`` or the answer of ``sessions/info``."""
    current = document.get("current")
    return Session(
        # ``_id`` is no substitute: in sessions/info it is the database's, not the session's.
        id=_require_id(document, "sessionId", "session"),
        user_id=_text(document.get("userId")),
        device=_parse_device(document.get("device")),
        ip=_text(document.get("ip")),
        host=_text(document.get("host")),
        logged_in_at=parse_date(document.get("loginAt")),
        last_activity_at=parse_date(document.get("lastActivityAt")),
        closed_at=parse_date(document.get("closedAt")),
        logged_out_at=parse_date(document.get("logoutAt")),
        logged_out_by=_text(document.get("logoutBy")),
        is_current=current if isinstance(current, bool) else None,
        # What only the whole row has: sessions/list never gives it, sessions/info until 8.7.
        is_activity_recorded="_updatedAt" in document or "createdAt" in document,
    )


def parse_session_page(document: Document) -> SessionPage:
    """Read the answer of ``sessions/list``."""
    rows = document.get("sessions")
    if not isinstance(rows, list):
        raise ProtocolError("sessions/list: no sessions in the answer")
    sessions = tuple(parse_session(row) for row in rows if isinstance(row, dict))
    total = document.get("total")
    return SessionPage(sessions, total if isinstance(total, int) else len(sessions))


def parse_user(document: Document) -> User:
    """Read the answer of ``GET me``."""
    preferences = _object(_object(document.get("settings")).get("preferences"))
    return User(
        id=_require_id(document, "_id", "user"),
        username=_text(document.get("username")),
        name=_text(document.get("name")),
        utc_offset=_parse_offset(document.get("utcOffset")),
        language=_text(preferences.get("language")) or _text(document.get("language")),
    )


def parse_room(document: Document) -> Room:
    """Read a room as ``im.create`` answers it."""
    key = "_id" if _text(document.get("_id")) else "rid"
    names = tuple(_text(name) for name in _array(document.get("usernames")))
    return Room(
        id=_require_id(document, key, "room"),
        type=_parse_room_type(document.get("t")),
        usernames=tuple(name for name in names if name),
    )


def format_message(message: OutgoingMessage) -> dict[str, object]:
    """Make the body of ``chat.sendMessage``."""
    body: dict[str, object] = {"_id": message.id, "rid": message.room_id, "msg": message.text}
    if message.thread_id:
        body["tmid"] = message.thread_id
    if message.attachment:
        body["attachments"] = [_format_attachment(message.attachment, message.sent_at)]
    # An empty list keeps the server from opening the links in it to make previews (since 6.4,
    # as its API documentation says; older servers read ``message`` only). A connection link is
    # for one person's eyes.
    return {"message": body, "previewUrls": []}


def _in_utc(moment: datetime) -> datetime:
    # REST always writes the Z; a text without a zone can only be the server's UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _require_id(document: Document, key: str, noun: str) -> str:
    value = _text(document.get(key))
    if not value:
        raise ProtocolError(f"a {noun} came without a usable {key}")
    return value


def _text(value: object) -> str:
    # JSON may hold half a surrogate pair, which no database and no socket accepts, and NUL, which
    # PostgreSQL does not.
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode(errors="replace").decode().replace("\0", _REPLACEMENT)


def _object(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def _array(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _parse_room_type(value: object) -> RoomType:
    try:
        return RoomType(_text(value))
    except ValueError:
        return RoomType.OTHER


def _parse_sender(value: object) -> Sender:
    document = _object(value)
    return Sender(
        id=_require_id(document, "_id", "sender"),
        username=_text(document.get("username")),
        name=_text(document.get("name")),
    )


def _is_automatic(document: Document) -> bool:
    return bool(
        document.get("bot")
        or _text(document.get("alias"))
        or document.get("private") is True
        or _object(document.get("u")).get("username") == _SERVER_USERNAME
    )


def _parse_mentions(value: object) -> tuple[str, ...]:
    mentions = [_object(mention) for mention in _array(value)]
    ids = (_text(mention.get("_id")) for mention in mentions if _is_of_user(mention))
    return tuple(id_ for id_ in ids if id_)


def _is_of_user(mention: Document) -> bool:
    # Old servers write no type; @all and @here never have one, teams always do.
    kind = mention.get("type")
    return kind == "user" or (kind is None and mention.get("_id") not in _ROOM_MENTIONS)


def _parse_device(value: object) -> Device:
    document = _object(value)
    system = _object(document.get("os"))
    return Device(
        type=_text(document.get("type")),
        name=_text(document.get("name")),
        version=_text(document.get("version")),
        long_version=_text(document.get("longVersion")),
        os=OperatingSystem(_text(system.get("name")), _text(system.get("version"))),
    )


def _parse_offset(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_on_earth = math.isfinite(value) and abs(value) <= _WIDEST_OFFSET
    return float(value) if is_on_earth else None


def _format_attachment(attachment: Attachment, sent_at: datetime) -> dict[str, object]:
    written: dict[str, object] = {
        "color": str(attachment.colour),
        # 6.5.3 dates an attachment without ``ts`` to 1970.
        "ts": format_date(sent_at),
    }
    if attachment.title:
        written["title"] = attachment.title
    if attachment.text:
        written["text"] = attachment.text
    if attachment.facts:
        written["fields"] = [_format_fact(fact) for fact in attachment.facts]
    return written


def _format_fact(fact: Fact) -> dict[str, object]:
    # Since 8.0 an empty title or value makes the server refuse the whole message.
    return {
        "title": fact.title.strip() or _NOTHING,
        "value": fact.value.strip() or _NOTHING,
        "short": fact.is_short,
    }
