"""What makes the server send a message once more, beside edits, reactions, stars and threads.

Each of them changes the stored document and broadcasts the whole of it, with its first ``ts`` and
without ``editedAt``: to a client that does not keep ids, a message like any other.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.messages import Messages
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.rooms import Rooms


class MessageUpdates:
    """Acts on stored messages; who may do what is not checked."""

    def __init__(self, messages: Messages, rooms: Rooms, now: Callable[[], datetime]) -> None:
        self._messages: Final = messages
        self._rooms: Final = rooms
        self._now: Final = now

    def pin(self, user: User, message: Document, *, is_set: bool = True) -> None:
        """Pin a message, or take the pin away.

        A pin is told of by a system message too, which quotes the text (server source
        ``app/message-pin/server/pinMessage.ts``, 8.x).
        """
        by = {"_id": user.id, "username": user.username}
        when = {"pinnedAt": self._now()} if is_set else {}
        self._messages.publish_again(message, pinned=is_set, pinnedBy=by, **when)
        room = self._rooms.find(message["rid"])
        if is_set and room is not None:
            author = message["u"]["username"]
            quote = {"text": message["msg"], "author_name": author, "ts": message["ts"]}
            notice = self._messages.say_system(user, room, "message_pinned")
            self._messages.publish_again(notice, attachments=[quote])

    def preview_links(self, message: Document, title: str = "Example Domain") -> None:
        """Add the previews of a message's links, which arrive seconds after it."""
        urls = [found | {"meta": {"pageTitle": title}} for found in message.get("urls", [])]
        self._messages.publish_again(message, urls=urls)

    def mark_read(self, message: Document) -> None:
        """Note that everybody has read a message (read receipts, an enterprise feature).

        Whether the message is sent again for it depends on version and room (server source
        ``ee/server/lib/message-read-receipt/ReadReceipt.ts``); here it always is.
        """
        message.pop("unread", None)
        self._messages.publish_again(message)
