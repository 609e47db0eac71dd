"""What happened on the connection pages or to a lent token, told in chat."""

from typing import Final

from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.responder import Responder
from bot.features.accounts.linking import AccountLinked, AccountLinking, TokenExpired, WrongAccount
from bot.features.accounts.messages import (
    format_connected,
    format_foreign_token,
    format_lost,
    format_misused_token,
)


class Notifications:
    """Tells people what they did not ask for."""

    def __init__(
        self, connections: AccountLinking, answers: Responder, delivery: ReplySender
    ) -> None:
        self._connections: Final = connections
        self._answers: Final = answers
        self._delivery: Final = delivery

    async def tell(self, event: AccountLinked | WrongAccount | TokenExpired, cause: str) -> None:
        """Tell those concerned, once for each ``cause``. Raises WorkspaceError, StorageError."""
        locale = await self._answers.find_locale(event.asker)
        tell = self._delivery.tell
        if isinstance(event, TokenExpired):
            link = await self._connections.invite(event.asker)
            await tell(event.asker, format_lost(link, locale), event.token_id)
            await self._connections.forget_lost(event)
        elif isinstance(event, WrongAccount):
            await self._tell_mismatch(event, cause)
        else:
            # Whoever tells it again after a stop says nothing twice.
            await tell(event.asker, format_connected(locale), f"connected {event.at.isoformat()}")
            await self._connections.note_told(event)

    async def _tell_mismatch(self, event: WrongAccount, cause: str) -> None:
        locale = await self._answers.find_locale(event.asker)
        foreign = format_foreign_token(event.owner.username, locale)
        await self._delivery.tell(event.asker, foreign, cause)
        owner_locale = await self._answers.find_locale(event.owner)
        misuse = format_misused_token(event.asker.username, owner_locale)
        await self._delivery.tell(event.owner, misuse, cause)
