"""Asking before doing what cannot be undone."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, delete, select, update

from bot.errors import NothingToConfirmError
from bot.storage.database import Database
from bot.storage.tables import confirmations, inbox

_row = confirmations.c


@dataclass(frozen=True, slots=True)
class PendingConfirmation:
    """Somebody was asked whether to do this; ``action`` is opaque here."""

    user_id: str
    room_id: str
    action: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TakenConfirmation:
    """What somebody confirmed; a repeat has been taken before, and perhaps been done."""

    action: str
    is_repeat: bool


class ConfirmationStore:
    """The questions that wait for ``!confirm``. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, confirmation: PendingConfirmation) -> None:
        """Keep the question; an earlier one of the same user is withdrawn."""
        values = asdict(confirmation)
        await self._database.upsert(confirmations, values)

    async def consume(
        self, user_id: str, room_id: str, now: datetime, message_id: str
    ) -> TakenConfirmation | None:
        """Take the question, which is then gone; None if none waits here or its time is up.

        The inbox remembers what was taken for the message that confirmed it until that is
        finished; asking for the same message again gives it again, as a repeat.
        """

        def take(connection: Connection) -> TakenConfirmation | None:
            mine = inbox.c.message_id == message_id
            taken = connection.scalar(select(inbox.c.action).where(mine))
            if taken is not None:
                return TakenConfirmation(taken, is_repeat=True)
            action = connection.scalar(
                delete(confirmations)
                .where(_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now)
                .returning(_row.action)
            )
            if action is None:
                return None
            connection.execute(update(inbox).where(mine).values(action=action))
            return TakenConfirmation(action, is_repeat=False)

        return await self._database.write(take)

    async def delete(self, user_id: str) -> None:
        """Withdraw what the user was asked."""
        statement = delete(confirmations).where(_row.user_id == user_id)
        await self._database.execute(statement)


TIME_TO_CONFIRM: Final = timedelta(minutes=2)


class Action(BaseModel):
    """What will be done once it is confirmed."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["log out", "forget"]
    session_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What to do; ``is_perhaps_done`` where it was begun before a stop."""

    action: Action
    is_perhaps_done: bool


class Confirmations:
    """Remembers what a person was asked, and lets it be confirmed once, there and soon."""

    def __init__(self, confirmations: ConfirmationStore, now: Callable[[], datetime]) -> None:
        self._confirmations: Final = confirmations
        self._now: Final = now

    async def ask(self, user_id: str, room_id: str, action: Action) -> None:
        """Remember the question; an earlier one to the same person is withdrawn."""
        expires_at = self._now() + TIME_TO_CONFIRM
        await self._confirmations.save(
            PendingConfirmation(user_id, room_id, action.model_dump_json(), expires_at)
        )

    async def take(self, user_id: str, room_id: str, message_id: str) -> Confirmed:
        """Take the question that waits in this room; raise NothingToConfirmError if none does.

        ``message_id`` is the message that confirms; asked again for the same one, as after a
        stop, the action comes again, marked as perhaps done.
        """
        found = await self._confirmations.consume(user_id, room_id, self._now(), message_id)
        if found is None:
            raise NothingToConfirmError(
                "There is nothing to confirm here. A question can be answered for two minutes, "
                "once, and only where I asked it."
            )
        return Confirmed(Action.model_validate_json(found.action), found.is_repeat)
