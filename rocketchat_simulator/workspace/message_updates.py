"""Pins, link previews and read receipts: changes that make the server send a message again.

Like edits, reactions, stars and thread replies, each changes the stored document and broadcasts it
as a whole, with the original ``ts`` and without ``editedAt``. A client that does not remember ids
cannot tell it from a new message.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.messages import Messages
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.rooms import Rooms


class MessageUpdates:
    """Changes stored messages; permissions are not checked."""

    def __init__(self, messages: Messages, rooms: Rooms, now: Callable[[], datetime]) -> None:
        self._messages: Final = messages
        self._rooms: Final = rooms
        self._now: Final = now

    def pin(self, user: User, message: Document, *, is_set: bool = True) -> None:
        """Pin or unpin a message.

        A pin also posts a system message that quotes the text (server source
        ``app/message-pin/server/pinMessage.ts``, 8.x).
        """
        by = {"_id": user.id, "username": user.username}
        pinned_at = {"pinnedAt": self._now()} if is_set else {}
        self._messages.publish_again(message, pinned=is_set, pinnedBy=by, **pinned_at)
        room = self._rooms.find(message["rid"])
        if is_set and room is not None:
            author = message["u"]["username"]
            quote = {"text": message["msg"], "author_name": author, "ts": message["ts"]}
            notice = self._messages.say_system(user, room, "message_pinned")
            self._messages.publish_again(notice, attachments=[quote])

    def preview_links(self, message: Document, title: str = "Example Domain") -> None:
        """Add the previews of a message's links; on a real server they follow seconds later."""
        urls = [found | {"meta": {"pageTitle": title}} for found in message.get("urls", [])]
        self._messages.publish_again(message, urls=urls)

    def mark_read(self, message: Document) -> None:
        """Mark a message as read by everybody (read receipts, an enterprise feature).

        Whether the server then sends the message again depends on version and room (server source
        ``ee/server/lib/message-read-receipt/ReadReceipt.ts``); here it always does.
        """
        message.pop("unread", None)
        self._messages.publish_again(message)
