"""Confirmations: actions that cannot be undone are done after a second command."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, delete, select, update

from bot.errors import NothingToConfirmError
from bot.storage.database import Database
from bot.storage.tables import confirmations, inbox, values_of

_row: Final = confirmations.c


@dataclass(frozen=True, slots=True)
class PendingConfirmation:
    """A user was asked in this room whether to do the action, which is opaque here."""

    user_id: str
    room_id: str
    action: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TakenConfirmation:
    """What a user confirmed; a repeat was taken before, and perhaps done."""

    action: str
    is_repeat: bool


class ConfirmationStore:
    """The questions that wait for ``!confirm``. Every method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def save(self, confirmation: PendingConfirmation) -> None:
        """Save the question; it replaces an earlier one of the same user."""
        await self._database.upsert(confirmations, values_of(confirmation))

    async def consume(
        self, user_id: str, room_id: str, now: datetime, message_id: str
    ) -> TakenConfirmation | None:
        """Take the question, which is then gone; None where none waits here or it has expired.

        The inbox keeps what was taken for a message until the message is finished: asking again
        for the same message returns it again, as a repeat.
        """

        def take(connection: Connection) -> TakenConfirmation | None:
            is_message = inbox.c.message_id == message_id
            taken = connection.scalar(select(inbox.c.confirmed_action).where(is_message))
            if taken is not None:
                return TakenConfirmation(taken, is_repeat=True)
            action = connection.scalar(
                delete(confirmations)
                .where(_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now)
                .returning(_row.action)
            )
            if action is None:
                return None
            connection.execute(update(inbox).where(is_message).values(confirmed_action=action))
            return TakenConfirmation(action, is_repeat=False)

        return await self._database.write(take)


TIME_TO_CONFIRM: Final = timedelta(minutes=2)


class ActionKind(StrEnum):
    """What can be confirmed; the values are stored."""

    LOG_OUT = "log out"
    FORGET = "forget"


class Action(BaseModel):
    """What is done once it is confirmed; ``session_ids`` are for logging out."""

    model_config = ConfigDict(frozen=True)
    kind: ActionKind
    session_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What to do; ``may_be_done`` where an earlier attempt was interrupted."""

    action: Action
    may_be_done: bool


class Confirmations:
    """Asks a user, who can confirm once, in the same room, within ``TIME_TO_CONFIRM``."""

    def __init__(self, store: ConfirmationStore, now: Callable[[], datetime]) -> None:
        self._store: Final = store
        self._now: Final = now

    async def ask(self, user_id: str, room_id: str, action: Action) -> None:
        """Save the question; it replaces an earlier one to the same user."""
        expires_at = self._now() + TIME_TO_CONFIRM
        await self._store.save(
            PendingConfirmation(user_id, room_id, action.model_dump_json(), expires_at)
        )

    async def take(self, user_id: str, room_id: str, message_id: str) -> Confirmed:
        """Take the question that waits in this room; raise NothingToConfirmError if none does.

        ``message_id`` is the message that confirms. Asked again for the same message, as after a
        restart, this returns the action again, with ``may_be_done`` set.
        """
        found = await self._store.consume(user_id, room_id, self._now(), message_id)
        if found is None:
            raise NothingToConfirmError(
                "There is nothing to confirm here. You can confirm a question once, within two "
                "minutes, and only in the room where I asked it."
            )
        return Confirmed(Action.model_validate_json(found.action), found.is_repeat)
