"""The inbox: which messages are being answered, and which have been."""

from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    delete,
    or_,
    select,
    text,
    update,
)

from bot.models import Message, list_names
from bot.storage.database import Database
from bot.storage.statement import BareStatement
from bot.storage.tables import UtcTime, accounts, inbox, unfinished

ANSWER: Final = "answer"
ANSWER_AFTER_CONNECTING: Final = "answer after connecting"
_MAX_NAMES: Final = 500

# Written out as both databases read it.
_CLAIM: Final = BareStatement(
    text("""
    INSERT INTO inbox
    (message_id, claimed_by, claimed_until, room_id, sender_id, sent_at, part)
    VALUES (:message_id, :by, :until, :room_id, :sender_id, :sent_at, :part)
    ON CONFLICT (message_id) DO UPDATE
    SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
    WHERE inbox.finished_at IS NULL AND inbox.part = excluded.part
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

# One's own older ones count, too: what was just taken over may not have come to its lane yet.
_FIND_STATUS: Final = BareStatement(
    text("""
    SELECT EXISTS (
        SELECT 1 FROM inbox WHERE sender_id = :sender_id AND finished_at IS NULL
        AND sent_at < :sent_at
    ) FROM inbox WHERE message_id = :message_id AND finished_at IS NULL AND claimed_by = :by
""").bindparams(bindparam("sent_at", type_=UtcTime))
)

# Who asked, and where, is kept for as long as there is something to answer.
_FINISH: Final = BareStatement(
    text("""
    UPDATE inbox SET finished_at = :now, action = NULL, room_id = '', sender_id = ''
    WHERE message_id = :message_id
""").bindparams(bindparam("now", type_=UtcTime))
)

_SUSPEND: Final = text("""
    UPDATE inbox SET finished_at = :now, action = NULL, awaiting = :awaiting
    WHERE message_id = :message_id
""").bindparams(bindparam("now", type_=UtcTime))
_NOBODY: Final = {"awaiting": None, "sender_id": "", "room_id": ""}


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A message that is to be answered, without its words; ``sent_at`` is the server's time.

    ``part`` tells which answer is due: the first one, or the one that had to wait for its sender
    to connect.
    """

    message_id: str
    room_id: str
    sender_id: str
    sent_at: datetime
    part: str = ANSWER


def make_inbox_entry(message: Message) -> InboxEntry:
    """Make the letter of a message that has just been heard."""
    return InboxEntry(message.id, message.room_id, message.sender.id, message.sent_at)


class ClaimStatus(Enum):
    """Where a claim stands.

    ``HELD_UP`` while an older message of the same person's is unfinished, whoever has it;
    ``LOST`` once it was taken over or finished by another.
    """

    FREE = auto()
    HELD_UP = auto()
    LOST = auto()


_row: Final = inbox.c
_NAMES: Final = list_names(InboxEntry)
_COLUMNS: Final = tuple(_row[name] for name in _NAMES)


class Inbox:
    """Gives each message to one worker, however many share it. Everything raises StorageError.

    A power cut may undo the last claims and ends, which leaves nothing out: the checkpoint is
    undone with them, and what is answered again has the same id.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, letter: InboxEntry, *, now: datetime, by: str, until: datetime) -> bool:
        """Take the message; false where it is finished or another's whose time is not up.

        False, too, where another answer is due than the letter's: who takes it over learns which.
        """
        standing = await self.begin_to_claim(letter, now=now, by=by, until=until)
        return standing is not ClaimStatus.LOST

    def begin_to_claim(
        self, letter: InboxEntry, *, now: datetime, by: str, until: datetime
    ) -> Future[ClaimStatus]:
        """Take it, and give where the claim then stands; what is claimed later is seen later."""
        values = {name: getattr(letter, name) for name in _NAMES}
        values |= {"by": by, "until": until, "now": now}
        return self._database.write_soon(
            lambda connection: _read_status(_CLAIM.run(connection, values))
        )

    async def renew(self, message_ids: Sequence[str], *, by: str, until: datetime) -> None:
        """Keep these claims of one worker's for longer."""
        for start in range(0, len(message_ids), _MAX_NAMES):
            names = message_ids[start : start + _MAX_NAMES]
            await self._database.write(partial(_renew, names, by, until))

    async def take_over(
        self, *, now: datetime, by: str, until: datetime, most: int
    ) -> tuple[InboxEntry, ...]:
        """Claim what nobody works on any more, the oldest first."""
        is_due = and_(unfinished, _row.claimed_until <= now)
        due = select(_row.message_id).where(is_due).order_by(_row.sent_at).limit(most)
        statement = (
            update(inbox)
            .where(_row.message_id.in_(due), is_due)
            .values(claimed_by=by, claimed_until=until)
            .returning(*_COLUMNS)
        )
        rows = await self._database.write(lambda connection: connection.execute(statement).all())
        return tuple(sorted((InboxEntry(*row) for row in rows), key=lambda each: each.sent_at))

    async def find_standing(self, letter: InboxEntry, by: str) -> ClaimStatus:
        """Return whether a worker who has claimed a message may work on it now."""
        values = {name: getattr(letter, name) for name in ("message_id", "sender_id", "sent_at")}
        values["by"] = by
        return await self._database.read(
            lambda connection: _read_status(_FIND_STATUS.run(connection, values))
        )

    async def finish(self, message_id: str, now: datetime, *, awaiting: str | None = None) -> None:
        """Mark a claimed message as answered; nobody can claim it again.

        Only its id and times stay. Where the answer was only a link, ``awaiting`` is the user
        whose connecting it waits for.
        """
        values = {"message_id": message_id, "now": now, "awaiting": awaiting}
        if awaiting is None:
            await self._database.write_soon(_FINISH.bind(values))
            return
        await self._database.execute(_SUSPEND, values)
        # The link of an earlier question does not work any more.
        await self._give_up(and_(_row.awaiting == awaiting, _row.message_id != message_id))

    async def _give_up(self, which: ColumnElement[bool]) -> None:
        statement = update(inbox).where(which).values(_NOBODY)
        await self._database.execute(statement)

    async def reopen(self, *, asked_after: datetime, connected_before: datetime) -> int:
        """Put the questions of people who have connected meanwhile back to be answered."""
        account = accounts.c
        is_connected = and_(account.connected_at <= connected_before, account.dead_since.is_(None))
        connected = select(account.user_id).where(is_connected)
        statement = (
            update(inbox)
            .where(_row.awaiting.in_(connected), _row.finished_at > asked_after)
            .values(
                finished_at=None,
                awaiting=None,
                part=ANSWER_AFTER_CONNECTING,
                claimed_by="",
                claimed_until=connected_before,
            )
        )
        return await self._database.execute(statement)

    async def release(self, *, by: str, now: datetime) -> None:
        """Leave what one worker has not finished to whoever comes next."""
        statement = (
            update(inbox)
            .where(_row.claimed_by == by, unfinished)
            .values(claimed_by="", claimed_until=now)
        )
        await self._database.execute(statement)

    async def put_back(self, message_id: str, *, by: str, now: datetime) -> None:
        """Leave one message to whoever has room for it, the oldest first."""
        mine = and_(_row.message_id == message_id, _row.claimed_by == by, unfinished)
        statement = update(inbox).where(mine).values(claimed_by="", claimed_until=now)
        await self._database.execute(statement)

    async def find_known(self, message_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the messages that somebody works on or has answered."""
        known: set[str] = set()
        for start in range(0, len(message_ids), _MAX_NAMES):
            names = message_ids[start : start + _MAX_NAMES]
            query = select(_row.message_id).where(_row.message_id.in_(names))
            known.update(row.message_id for row in await self._database.fetch_all(query))
        return frozenset(known)

    async def is_finished(self, message_id: str) -> bool:
        """Return whether the message has been answered."""
        query = select(_row.finished_at).where(_row.message_id == message_id)
        return await self._database.fetch_value(query) is not None

    async def sweep(self, *, sent_before: datetime, finished_before: datetime) -> int:
        """Forget what was said, and answered, before these times, and say how many."""
        statement = delete(inbox).where(
            _row.sent_at < sent_before,
            or_(_row.finished_at < finished_before, and_(_row.sender_id == "", unfinished)),
        )
        return await self._database.execute(statement)


def make_forget_statement(user_id: str) -> Update:
    """Make the statement that stops awaiting the person's questions, and forgets who asked."""
    return update(inbox).where(_row.awaiting == user_id).values(_NOBODY)


def _read_status(found: Sequence[tuple[Any, ...]]) -> ClaimStatus:
    if not found:
        return ClaimStatus.LOST
    ((is_held_up,),) = found
    return ClaimStatus.HELD_UP if is_held_up else ClaimStatus.FREE


def _renew(names: Sequence[str], by: str, until: datetime, connection: Connection) -> None:
    mine = and_(_row.message_id.in_(names), _row.claimed_by == by, unfinished)
    connection.execute(update(inbox).where(mine).values(claimed_until=until))
