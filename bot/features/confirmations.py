"""Confirmations: actions that cannot be undone are done after a second command."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, delete, select, update

from bot.errors import NothingToConfirmError
from bot.formatting.locale import UserLocale
from bot.models import ButtonRows
from bot.storage.database import Database
from bot.storage.tables import confirmations, inbox

_row: Final = confirmations.c

TIME_TO_CONFIRM: Final = timedelta(minutes=2)
_REFERENCE: Final = re.compile(r"[0-9a-f]{8}")


class ActionKind(StrEnum):
    """What can be confirmed; the values are stored."""

    LOG_OUT = "log out"
    LOG_OUT_EVERYWHERE = "log out everywhere"
    FORGET = "forget"


class Action(BaseModel):
    """What is done once it is confirmed.

    ``devices`` are to be logged out: the name of each, as the person reads it, and its session ids.
    ``reference`` tells its question from others.
    """

    model_config = ConfigDict(frozen=True)
    kind: ActionKind
    reference: str = ""
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

    async def ask(self, user_id: str, room_id: str, action: Action, message_id: str) -> str:
        """Save the question; it replaces an earlier one to the same user. Return its reference.

        ``message_id`` is the message that led to it: worked on again, it has the same reference.
        """
        reference = make_reference(message_id)
        values = {
            "user_id": user_id,
            "room_id": room_id,
            "action": action.model_copy(update={"reference": reference}).model_dump_json(),
            "expires_at": self._now() + TIME_TO_CONFIRM,
        }
        await self._database.upsert(confirmations, values)
        return reference

    async def take(self, user_id: str, room_id: str, message_id: str, words: str = "") -> Confirmed:
        """Take the question that waits in this room; raise NothingToConfirmError if none does.

        Where ``words`` are a reference, that question alone is taken. ``message_id`` is the message
        that confirms. The inbox keeps what was taken for it until it is finished: asked again for
        the same message, as after a restart, this returns the action again, with ``may_be_done``
        set.
        """
        now = self._now()
        is_named = _REFERENCE.fullmatch(words) is not None
        is_asked = [_row.user_id == user_id, _row.room_id == room_id, _row.expires_at > now]
        if is_named:
            # As pydantic writes it; in a name of a device the quotes would be escaped.
            is_asked.append(_row.action.contains(f'"reference":"{words}"'))

        def write(connection: Connection) -> tuple[str | None, bool]:
            is_message = inbox.c.message_id == message_id
            taken = connection.scalar(select(inbox.c.confirmed_action).where(is_message))
            if taken is not None:
                return taken, True
            action = connection.scalar(
                delete(confirmations).where(*is_asked).returning(_row.action)
            )
            if action is not None:
                connection.execute(update(inbox).where(is_message).values(confirmed_action=action))
            return action, False

        action, may_be_done = await self._database.write(write)
        if action is None and is_named:
            raise NothingToConfirmError(
                "That question is no longer open. You can confirm the last question I asked, once, "
                "within two minutes, and only in the room where I asked it."
            )
        if action is None:
            raise NothingToConfirmError(
                "There is nothing to confirm here. You can confirm a question once, within two "
                "minutes, and only in the room where I asked it."
            )
        return Confirmed(Action.model_validate_json(action), may_be_done)


def make_reference(message_id: str) -> str:
    """Return what tells the question that a message led to from others: 8 hexadecimal digits."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:8]


def make_buttons(reference: str, locale: UserLocale) -> ButtonRows:
    """Return the button that confirms the question with this reference, and no other."""
    return ((locale.button(locale.text("Confirm"), f"confirm {reference}"),),)
