"""Asking before doing what cannot be undone."""

from collections.abc import Callable
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

    async def take(self, user_id: str, room_id: str) -> Action:
        """Take the question that waits in this room; raise NothingToConfirmError if none does."""
        found = await self._confirmations.consume(user_id, room_id, self._now())
        if found is None:
            raise NothingToConfirmError(
                "There is nothing to confirm here. A question can be answered for two minutes, "
                "once, and only where I asked it."
            )
        return Action.model_validate_json(found.action)
