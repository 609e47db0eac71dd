"""Which messages have come in lately, so that the rest can be told from them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.models import Message


class Known:
    """Ids of messages, for as long as they may still be looked for."""

    def __init__(self) -> None:
        self._sent_at: Final[dict[str, datetime]] = {}

    def __contains__(self, message: Message) -> bool:
        """Say whether it has come in."""
        return message.id in self._sent_at

    def add(self, messages: Iterable[Message]) -> None:
        """Note that these have come in."""
        self._sent_at.update((each.id, each.sent_at) for each in messages)

    def forget(self, before: datetime) -> None:
        """Forget what was sent before then, in the server's time."""
        for message_id in [id_ for id_, sent_at in self._sent_at.items() if sent_at < before]:
            del self._sent_at[message_id]
