"""The inbox: which messages are being answered, and which have been."""

from asyncio import Future
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

import structlog
from sqlalchemy import (
    ColumnElement,
    Label,
    Update,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)

from bot.errors import StorageError
from bot.models import Message
from bot.storage.database import Database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import UtcTime, accounts, columns_of, inbox, unfinished, values_of

ANSWER: Final = "answer"
ANSWER_AFTER_CONNECTING: Final = "answer after connecting"

MAX_CLAIMED_PER_PERSON: Final = 50
"""Unfinished messages of one person that are worked on at a time; the others wait."""

MAX_CLAIMED_PER_ROOM: Final = 100
"""The same for a room, which many people may flood together."""

_MAX_IDS: Final = 500  # of one statement

_CLAIM: Final = BareStatement(
    text("""
    INSERT INTO inbox
    (message_id, claimed_by, claimed_until, room_id, sender_id, sent_at, reply_kind)
    VALUES (:message_id, :by, :until, :room_id, :sender_id, :sent_at, :reply_kind)
    ON CONFLICT (message_id) DO UPDATE
    SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
    WHERE inbox.finished_at IS NULL AND inbox.reply_kind = excluded.reply_kind
    AND (inbox.claimed_until <= :now OR inbox.claimed_by = excluded.claimed_by)
    RETURNING EXISTS (
        SELECT 1 FROM inbox AS older WHERE older.sender_id = :sender_id
        AND older.finished_at IS NULL AND older.sent_at < :sent_at
    )
""").bindparams(
        bindparam("until", type_=UtcTime),
        bindparam("now", type_=UtcTime),
        bindparam("sent_at", type_=UtcTime),
    )
)

# The worker's own older messages count too: one just taken over may not be in its queue yet.
_LOAD_STATUS: Final = BareStatement(
    text("""
    SELECT EXISTS (
        SELECT 1 FROM inbox WHERE sender_id = :sender_id AND finished_at IS NULL
        AND sent_at < :sent_at
    ) FROM inbox WHERE message_id = :message_id AND finished_at IS NULL AND claimed_by = :by
""").bindparams(bindparam("sent_at", type_=UtcTime))
)

# Sender and room are kept only until the message is answered.
_FINISH: Final = BareStatement(
    text("""
    UPDATE inbox SET finished_at = :now, confirmed_action = NULL, room_id = '', sender_id = ''
    WHERE message_id = :message_id
""").bindparams(bindparam("now", type_=UtcTime))
)


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A message that is to be answered, without its text; ``sent_at`` is the server's time.

    ``reply_kind`` is ``ANSWER``, or ``ANSWER_AFTER_CONNECTING`` where the answer had to wait
    until the sender connected an account.
    """

    message_id: str
    room_id: str
    sender_id: str
    sent_at: datetime
    reply_kind: str = ANSWER


def make_inbox_entry(message: Message) -> InboxEntry:
    """Return the entry of a message that was just received."""
    return InboxEntry(message.id, message.room_id, message.sender.id, message.sent_at)


class ClaimStatus(Enum):
    """Whether a worker may work on the message it has claimed.

    ``HELD_UP`` while an older message of the same sender is unfinished, in any process; ``LOST``
    once another worker has taken the message over or finished it.
    """

    FREE = auto()
    HELD_UP = auto()
    LOST = auto()


_row: Final = inbox.c
_COLUMNS: Final = columns_of(inbox, InboxEntry)
_NOBODY: Final = {"awaiting_user_id": None, "sender_id": "", "room_id": ""}


class Inbox:
    """Lets one worker answer each message, in all processes. Every method raises StorageError.

    A power cut may undo the last claims and ends, but leaves no message out: the checkpoint is
    undone with them, and what is answered again has the same id.

    ``name`` is by which this process claims. ``is_writable`` is how the last write ended that
    somebody noted; the log says so each time it changes.
    """

    def __init__(self, database: Database, name: str = "") -> None:
        self._database: Final = database
        self.name: Final = name
        self.is_writable = True
        self._log: Final = structlog.get_logger("storage")

    def note_failure(self, error: StorageError) -> None:
        """Note that a write failed."""
        if self.is_writable:
            self._log.error("the database fails; nothing is lost meanwhile", problem=str(error))
        self.is_writable = False

    def note_success(self) -> None:
        """Note that a write was kept."""
        if not self.is_writable:
            self._log.warning("the database works again")
        self.is_writable = True

    def claim(
        self, entry: InboxEntry, *, now: datetime, by: str, until: datetime
    ) -> Future[ClaimStatus]:
        """Begin to claim the message; claims take effect in the order in which they begin.

        ``LOST`` where it is finished, claimed by another worker, or due for another kind of
        reply, which ``take_over`` returns.
        """
        values = values_of(entry) | {"by": by, "until": until, "now": now}
        return self._database.write_soon(_CLAIM.bind_and_read(values, _read_status))

    async def load_status(self, entry: InboxEntry, by: str) -> ClaimStatus:
        """Return the status of a claim that ``by`` has made."""
        values = {
            "message_id": entry.message_id,
            "sender_id": entry.sender_id,
            "sent_at": entry.sent_at,
            "by": by,
        }
        return _read_status(await self._database.read(_LOAD_STATUS.bind(values)))

    async def extend(self, message_ids: Sequence[str], *, by: str, until: datetime) -> None:
        """Extend these claims of one worker."""
        for ids in _split(message_ids):
            is_own = and_(_row.message_id.in_(ids), _row.claimed_by == by, unfinished)
            await self._database.execute(update(inbox).where(is_own).values(claimed_until=until))

    async def take_over(
        self, *, now: datetime, by: str, until: datetime, limit: int
    ) -> tuple[InboxEntry, ...]:
        """Claim the messages whose claims have ended: everybody's oldest, then everybody's second.

        Of those, the oldest of each room come first. They are returned as they were sent.
        """
        is_due = and_(unfinished, _row.claimed_until <= now)
        ranked = select(
            _row.message_id, _row.claimed_until, _row.sent_at, _rank("sender_id"), _rank("room_id")
        )
        waiting = ranked.where(unfinished).subquery().c
        due = (
            select(waiting.message_id)
            .where(
                waiting.claimed_until <= now,
                waiting.sender_id_rank <= MAX_CLAIMED_PER_PERSON,
                waiting.room_id_rank <= MAX_CLAIMED_PER_ROOM,
            )
            .order_by(waiting.sender_id_rank, waiting.room_id_rank, waiting.sent_at)
            .limit(limit)
        )
        statement = (
            update(inbox)
            .where(_row.message_id.in_(due), is_due)
            .values(claimed_by=by, claimed_until=until)
            .returning(*_COLUMNS)
        )
        rows = await self._database.write(lambda connection: connection.execute(statement).all())
        return tuple(sorted((InboxEntry(*row) for row in rows), key=lambda each: each.sent_at))

    async def finish(self, message_id: str, now: datetime) -> None:
        """Mark a claimed message as answered, so that it cannot be claimed again.

        Only its id and times are kept.
        """
        await self._database.write_soon(_FINISH.bind({"message_id": message_id, "now": now}))

    async def finish_awaiting(self, message_id: str, now: datetime, user_id: str) -> None:
        """Mark a message as answered with a link: ``reopen`` has it answered once more.

        The link of an earlier message of the user does not work any more.
        """
        is_it = _row.message_id == message_id
        values = {"finished_at": now, "confirmed_action": None, "awaiting_user_id": user_id}
        await self._database.execute(update(inbox).where(is_it).values(values))
        await self._end_awaiting(and_(_row.awaiting_user_id == user_id, ~is_it))

    async def _end_awaiting(self, condition: ColumnElement[bool]) -> None:
        await self._database.execute(update(inbox).where(condition).values(_NOBODY))

    async def reopen(self, *, asked_after: datetime, connected_before: datetime) -> int:
        """Let the awaiting messages of users who have connected be claimed; return how many."""
        account = accounts.c
        is_connected = and_(account.connected_at <= connected_before, account.revoked_at.is_(None))
        connected = select(account.user_id).where(is_connected)
        statement = (
            update(inbox)
            .where(_row.awaiting_user_id.in_(connected), _row.finished_at > asked_after)
            .values(
                finished_at=None,
                awaiting_user_id=None,
                reply_kind=ANSWER_AFTER_CONNECTING,
                claimed_by="",
                claimed_until=connected_before,
            )
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def release_all(self, *, by: str, now: datetime) -> None:
        """End the claims on everything that one worker has not finished."""
        await self._release(_row.claimed_by == by, now)

    async def release(self, message_id: str, *, by: str, now: datetime) -> None:
        """End the claim on one message."""
        await self._release(and_(_row.message_id == message_id, _row.claimed_by == by), now)

    async def _release(self, condition: ColumnElement[bool], now: datetime) -> None:
        statement = update(inbox).where(condition, unfinished)
        await self._database.execute(statement.values(claimed_by="", claimed_until=now))

    async def find_known(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are in the inbox, answered or not."""
        known: set[str] = set()
        for ids in _split(message_ids):
            query = select(_row.message_id).where(_row.message_id.in_(ids))
            known.update(row.message_id for row in await self._database.fetch_all(query))
        return frozenset(known)

    async def sweep(self, *, sent_before: datetime, finished_before: datetime) -> int:
        """Delete what was sent and finished before these times; return how many."""
        statement = delete(inbox).where(
            _row.sent_at < sent_before,
            or_(_row.finished_at < finished_before, and_(_row.sender_id == "", unfinished)),
        )
        return await self._database.execute(statement)


def make_forget_statement(user_id: str) -> Update:
    """Return the statement that erases the sender from the messages that await the user."""
    return update(inbox).where(_row.awaiting_user_id == user_id).values(_NOBODY)


def _read_status(found: Sequence[tuple[Any, ...]]) -> ClaimStatus:
    if not found:
        return ClaimStatus.LOST
    ((is_held_up,),) = found
    return ClaimStatus.HELD_UP if is_held_up else ClaimStatus.FREE


def _rank(column: str) -> Label[int]:
    """Return the place of a message among the unfinished ones with the same value, from 1 on."""
    order = (_row.sent_at, _row.message_id)
    rank = func.row_number().over(partition_by=_row[column], order_by=order)
    return rank.label(f"{column}_rank")


def _split(message_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(message_ids), _MAX_IDS):
        yield message_ids[start : start + _MAX_IDS]
