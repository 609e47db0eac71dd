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
from bot.storage.tables import confirmations, inbox

_row: Final = confirmations.c


TIME_TO_CONFIRM: Final = timedelta(minutes=2)


class ActionKind(StrEnum):
    """What can be confirmed; the values are stored."""

    LOG_OUT = "log out"
    FORGET = "forget"


class Action(BaseModel):
    """What is done once it is confirmed.

    ``devices`` are to be logged out: the name of each, as the person reads it, and its session ids.
    """

    model_config = ConfigDict(frozen=True)
    kind: ActionKind
    devices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions of all the devices."""
        return tuple(session_id for _, ids in self.devices for session_id in ids)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What to do; ``may_be_done`` where an earlier attempt was interrupted."""

    action: Action
    may_be_done: bool


class Confirmations:
    """Asks a user, who can confirm once, in the same room, within ``TIME_TO_CONFIRM``.

    Every method raises StorageError.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database: Final = database
        self._now: Final = now

    async def ask(self, user_id: str, room_id: str, action: Action) -> None:
        """Save the question; it replaces an earlier one to the same user."""
        values = {
            "user_id": user_id,
            "room_id": room_id,
            "action": action.model_dump_json(),
            "expires_at": self._now() + TIME_TO_CONFIRM,
        }
        await self._database.upsert(confirmations, values)

    async def take(self, user_id: str, room_id: str, message_id: str) -> Confirmed:
        """Take the question that waits in this room; raise NothingToConfirmError if none does.

        ``message_id`` is the message that confirms. The inbox keeps what was taken for it until
        it is finished: asked again for the same message, as after a restart, this returns the
        action again, with ``may_be_done`` set.
        """
        now = self._now()

        def write(connection: Connection) -> tuple[str | None, bool]:
            is_message = inbox.c.message_id == message_id
            taken = connection.scalar(select(inbox.c.confirmed_action).where(is_message))
            if taken is not None:
                return taken, True
            action = connection.scalar(
                delete(confirmations)
                .where(_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now)
                .returning(_row.action)
            )
            if action is not None:
                connection.execute(update(inbox).where(is_message).values(confirmed_action=action))
            return action, False

        action, may_be_done = await self._database.write(write)
        if action is None:
            raise NothingToConfirmError(
                "There is nothing to confirm here. You can confirm a question once, within two "
                "minutes, and only in the room where I asked it."
            )
        return Confirmed(Action.model_validate_json(action), may_be_done)
