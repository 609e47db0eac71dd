"""Until when the bot has received messages: all before is in the inbox, or was not for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select, text

from bot.storage.database import Database
from bot.storage.sqlite_fast_path import BareStatement
from bot.storage.tables import UtcTime, checkpoints

_row: Final = checkpoints.c

# The greater of two values has another name in each database; CASE has the same in both.
_ADVANCE: Final = BareStatement(
    text("""
    UPDATE checkpoints SET written_at = :now,
    received_until = CASE WHEN received_until < :until THEN :until ELSE received_until END
    WHERE bot_id = :bot_id
""").bindparams(bindparam("now", type_=UtcTime), bindparam("until", type_=UtcTime))
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Both in the server's time; what was sent before ``started_at`` is never answered."""

    started_at: datetime
    received_until: datetime


class Checkpoints:
    """The checkpoint of one bot account. Every method raises StorageError."""

    def __init__(self, database: Database, bot_id: str) -> None:
        self._database: Final = database
        self._bot_id: Final = bot_id

    async def load_or_make(self, server_now: datetime) -> Checkpoint:
        """Return the checkpoint; on the very first start it is the present."""
        values = {
            "bot_id": self._bot_id,
            "started_at": server_now,
            "received_until": server_now,
        }
        await self._database.insert_or_ignore(checkpoints, values)
        query = select(_row.started_at, _row.received_until).where(_row.bot_id == self._bot_id)
        (row,) = await self._database.fetch_all(query)
        return Checkpoint(*row)

    async def advance(self, until: datetime, now: datetime) -> None:
        """Move the checkpoint, never back; ``now`` is our own time and proves the write.

        A power cut may undo it, with the claims before it: then more is caught up on.
        """
        values = {"bot_id": self._bot_id, "until": until, "now": now}
        await self._database.write_soon(_ADVANCE.bind(values))
