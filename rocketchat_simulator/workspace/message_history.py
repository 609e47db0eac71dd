"""Reading a room's messages: the newest, those around a date, and what has changed.

Source: ``server/publications/messages.ts``, ``app/lib/server/methods/getChannelHistory.ts`` and
``app/lib/server/functions/loadMessageHistory.ts``, 8.x.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rocketchat_simulator.workspace.documents import (
    Document,
    from_milliseconds,
    to_milliseconds,
)
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace

DEFAULT_SYNC_COUNT: Final = 20
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_TYPES: Final = ("UPDATED", "DELETED")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a client wants to know: changes since a date, or a page of them from a cursor on."""

    since: datetime | None = None
    next: str | None = None
    previous: str | None = None
    type: str | None = None
    count: int = DEFAULT_SYNC_COUNT


def may_read_history(user: User, room: Room) -> bool:
    """Return whether a user may read the room as a whole: members, and who may preview channels."""
    return room.has(user) or (room.type == "c" and user.may("preview-c-room"))


def read_history(
    workspace: Workspace,
    room: Room,
    oldest: datetime | None = None,
    latest: datetime | None = None,
    *,
    is_inclusive: bool = False,
    shows_threads: bool = True,
) -> list[Document]:
    """Return the room's messages between two dates, newest first."""
    first, last = oldest or _EARLIEST, latest or _LATEST
    return [
        message
        for message in reversed(workspace.messages.of(room))
        if (first < message["ts"] < last or (is_inclusive and message["ts"] in {first, last}))
        and (shows_threads or "tmid" not in message or message.get("tshow"))
    ]


def sync_messages(workspace: Workspace, user: User, room: Room | None, wanted: Changes) -> Document:
    """Return what has changed in a room; raise RefusedError if that cannot be told."""
    if room is None or not room.is_readable_by(user):
        raise RefusedError("Not allowed", "error-not-allowed", {"method": "messages/get"})
    _check_cursors(wanted)
    if wanted.since is not None:
        return _sync_since(workspace, room, wanted.since)
    if wanted.next or wanted.previous:
        return _sync_page(workspace, room, wanted)
    # The server answers with the room's history here, which has other fields.
    return {"messages": read_history(workspace, room)[: wanted.count]}


def _check_cursors(wanted: Changes) -> None:
    cursors = [each for each in (wanted.next, wanted.previous) if each]
    if wanted.type and wanted.type not in _TYPES:
        reason = 'The "type" parameter must be either "UPDATED" or "DELETED"'
        raise RefusedError(reason, "error-type-param-not-supported")
    if cursors and not wanted.type:
        names = '"next" or "previous" parameters'
        reason = f'The "type" parameter is required when using the {names}'
        raise RefusedError(reason, "error-type-param-required")
    if len(cursors) > 1:
        reason = 'You cannot provide both "next" and "previous" parameters'
        raise RefusedError(reason, "error-cursor-conflict")
    if cursors and wanted.since:
        reason = 'The attributes "next", "previous" and "lastUpdate" cannot be used together'
        raise RefusedError(reason, "error-cursor-and-lastUpdate-conflict")


def _sync_since(workspace: Workspace, room: Room, since: datetime) -> Document:
    changed = [each for each in workspace.messages.of(room) if each["_updatedAt"] > since]
    gone = workspace.messages.tombstones_of(room)
    deleted = [_format_tombstone(each) for each in gone if each["_deletedAt"] > since]
    return {"updated": changed[::-1], "deleted": deleted}


def _sync_page(workspace: Workspace, room: Room, wanted: Changes) -> Document:
    """Return one page of changes: oldest first after ``next``, newest first before ``previous``."""
    is_deleted = wanted.type == "DELETED"
    key = "_deletedAt" if is_deleted else "_updatedAt"
    messages = workspace.messages
    rows = messages.tombstones_of(room) if is_deleted else messages.of(room)
    position = _parse_cursor(wanted.next or wanted.previous or "")
    is_forward = bool(wanted.next)
    found = [row for row in rows if (row[key] > position if is_forward else row[key] < position)]
    found.sort(key=lambda row: row[key], reverse=not is_forward)
    page = found[: wanted.count]
    shown = [_format_tombstone(row) for row in page] if is_deleted else page
    cursor = _make_cursor(page, key, has_more=len(found) > len(page), is_forward=is_forward)
    empty: Document = {"updated": [], "deleted": []}
    return empty | {"deleted" if is_deleted else "updated": shown, "cursor": cursor}


def _make_cursor(
    page: list[Document], key: str, *, has_more: bool, is_forward: bool
) -> dict[str, str | None]:
    first = str(to_milliseconds(page[0][key])) if page else None
    last = str(to_milliseconds(page[-1][key])) if page else None
    onward = last if has_more else None
    return {"next": onward if is_forward else first, "previous": first if is_forward else onward}


def _parse_cursor(cursor: str) -> datetime:
    try:
        return from_milliseconds(int(cursor))
    except (ValueError, OverflowError, OSError) as error:
        raise RefusedError("Invalid Date") from error


def _format_tombstone(tombstone: Document) -> Document:
    return {key: tombstone[key] for key in ("_id", "_deletedAt")}
