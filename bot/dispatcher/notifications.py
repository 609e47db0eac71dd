"""Messages about account linking that nobody asked for in chat."""

from typing import Final

import structlog

from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.responder import Responder
from bot.errors import RefusedError
from bot.features.accounts.linking import AccountLinking, LinkingEvent, WrongAccount
from bot.features.accounts.messages import (
    format_connected,
    format_foreign_token,
    format_misused_token,
    format_token_expired,
)
from bot.features.accounts.store import TokenExpired


class Notifications:
    """Tells people what happened on the linking pages or to their delegated token."""

    def __init__(
        self, linking: AccountLinking, responder: Responder, reply_sender: ReplySender
    ) -> None:
        self.events: Final = linking.events
        self._linking: Final = linking
        self._responder: Final = responder
        self._reply_sender: Final = reply_sender

    async def tell(self, event: LinkingEvent, cause: str) -> None:
        """Tell those concerned, once for each ``cause``. Raises WorkspaceError, StorageError."""
        locale = await self._responder.find_locale(event.asker)
        tell = self._reply_sender.tell
        if isinstance(event, TokenExpired):
            reply = format_token_expired(await self._linking.invite_again(event), locale)
            await tell(event.asker.id, reply, event.token_id, is_background=False)
            await self._linking.delete_expired(event)
        elif isinstance(event, WrongAccount):
            await self._tell_both(event, cause)
        elif await self._linking.is_stored(event):
            # The same cause after a restart, so that it is not said twice.
            cause = f"connected {event.at.isoformat()}"
            await tell(event.asker.id, format_connected(locale), cause, is_background=False)
            await self._linking.note_told(event)

    async def _tell_both(self, event: WrongAccount, cause: str) -> None:
        # The owner first, and each whatever becomes of the other: the asker may be an attacker who
        # has blocked the bot.
        notices = (
            (event.owner, event.asker, format_misused_token),
            (event.asker, event.owner, format_foreign_token),
        )
        for person, other, format_notice in notices:
            notice = format_notice(other.username, await self._responder.find_locale(person))
            try:
                await self._reply_sender.tell(person.id, notice, cause, is_background=False)
            except RefusedError as error:
                log = structlog.get_logger("notifications")
                log.warning("not told of a token", user_id=person.id, problem=repr(error))
