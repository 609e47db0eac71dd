"""What happened on the connection pages or to a lent token, told in chat."""

from typing import Final

from bot.delivery import Delivery
from bot.dispatcher.answers import Answers
from bot.formatting.connections import (
    format_connected,
    format_foreign_token,
    format_lost,
    format_misused_token,
)
from bot.services.connections import Connected, Connections, Lost, Mismatch


class News:
    """Tells people what they did not ask for."""

    def __init__(self, connections: Connections, answers: Answers, delivery: Delivery) -> None:
        self._connections: Final = connections
        self._answers: Final = answers
        self._delivery: Final = delivery

    async def tell(self, event: Connected | Mismatch | Lost, cause: str) -> None:
        """Tell those concerned, once for each ``cause``. Raises WorkspaceError, StorageError."""
        reader = await self._answers.find_reader(event.asker)
        tell = self._delivery.tell
        if isinstance(event, Lost):
            link = await self._connections.invite(event.asker)
            await tell(event.asker, format_lost(link, reader), event.token_id)
            await self._connections.forget_lost(event)
        elif isinstance(event, Mismatch):
            await self._tell_mismatch(event, cause)
        else:
            # Whoever tells it again after a stop says nothing twice.
            await tell(event.asker, format_connected(reader), f"connected {event.at.isoformat()}")
            await self._connections.note_told(event)

    async def _tell_mismatch(self, event: Mismatch, cause: str) -> None:
        reader = await self._answers.find_reader(event.asker)
        foreign = format_foreign_token(event.owner.username, reader)
        await self._delivery.tell(event.asker, foreign, cause)
        owner_reader = await self._answers.find_reader(event.owner)
        misuse = format_misused_token(event.asker.username, owner_reader)
        await self._delivery.tell(event.owner, misuse, cause)
