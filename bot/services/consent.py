"""Asking before doing what cannot be undone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from bot.errors import NothingToConfirmError
from bot.storage.confirmations import Confirmation, Confirmations

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


class Consent:
    """Remembers what a person was asked, and lets it be confirmed once, there and soon."""

    def __init__(self, confirmations: Confirmations, now: Callable[[], datetime]) -> None:
        self._confirmations: Final = confirmations
        self._now: Final = now

    async def ask(self, user_id: str, room_id: str, action: Action) -> None:
        """Remember the question; an earlier one to the same person is withdrawn."""
        expires_at = self._now() + TIME_TO_CONFIRM
        await self._confirmations.save(
            Confirmation(user_id, room_id, action.model_dump_json(), expires_at)
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
