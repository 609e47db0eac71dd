"""The messages of all rooms: storing, changing, deleting and publishing them."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from rocketchat_simulator.workspace.documents import (
    Document,
    copy_document,
    make_id,
    to_milliseconds,
)
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import (
    EventBus,
    MessageDeleted,
    MessageStored,
    UserNotified,
)
from rocketchat_simulator.workspace.markdown import (
    close_code_block,
    find_channel_names,
    find_mentions,
    find_urls,
    parse_text,
)
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.people import People
from rocketchat_simulator.workspace.rooms import Rooms
from rocketchat_simulator.workspace.versions import Version


class Messages:
    """All messages. Of the server's rules, only unique ids are checked here."""

    def __init__(
        self,
        people: People,
        rooms: Rooms,
        event_bus: EventBus,
        version: Version,
        now: Callable[[], datetime],
    ) -> None:
        self._people = people
        self._rooms = rooms
        self._event_bus = event_bus
        self._version = version
        self._now = now
        self._messages: dict[str, Document] = {}
        self._by_room: defaultdict[str, list[Document]] = defaultdict(list)
        self._tombstones: list[Document] = []

    def find(self, message_id: object) -> Document | None:
        """Find a message by id."""
        return self._messages.get(message_id) if isinstance(message_id, str) else None

    def of(self, room: Room) -> list[Document]:
        """Return a room's messages, oldest first."""
        return sorted(self._by_room[room.id], key=lambda message: message["ts"])

    def tombstones_of(self, room: Room) -> list[Document]:
        """Return a room's deleted messages, each with ``_id``, ``rid`` and ``_deletedAt``."""
        return [tombstone for tombstone in self._tombstones if tombstone["rid"] == room.id]

    def rename_author(self, user: User, old: str) -> None:
        """Write the new username into messages and mentions (source: as ``rename_member``)."""
        for message in self._messages.values():
            if message["u"]["_id"] == user.id:
                message["u"] = user.as_author()
            for mention in message.get("mentions", ()):
                if mention["_id"] == user.id:
                    mention["username"] = user.username
                    message["msg"] = re.sub(
                        rf"@{re.escape(old)}",
                        f"@{user.username}",
                        message["msg"],
                        flags=re.IGNORECASE,
                    )

    def say(
        self,
        user: User,
        room: Room,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 - Rocket.Chat's word
        thread_id: str | None = None,
        attachments: Iterable[Document] | None = None,
        ts: datetime | None = None,
        previewed: Collection[str] | None = None,
        **extra: Any,  # noqa: ANN401 - further fields of a message
    ) -> Document:
        """Store and publish a message of a user; return the stored document.

        Only the links in ``previewed`` shall have previews, None is all. Raise RefusedError if the
        id is in use.
        """
        if id in self._messages:
            raise RefusedError(self._version.duplicate_id_error)
        now = self._now()
        parses_urls = extra.get("parseUrls") is not False
        text = close_code_block(text) if parses_urls else text
        message: Document = {"_id": id or make_id(), "rid": room.id, "msg": text, "ts": ts or now}
        message |= {"u": user.as_author(), "_updatedAt": now}
        message |= self._parse(text, find_urls(text, previewed) if parses_urls else None)
        message |= (
            {} if attachments is None else {"attachments": self._complete_attachments(attachments)}
        )
        message |= ({"tmid": thread_id} if thread_id else {}) | extra
        self._store(message)
        self._publish_new(user, room, message)
        self._add_mentioned(user, room, message)
        return message

    def say_system(
        self,
        user: User,
        room: Room,
        kind: str,
        text: str = "",
        **extra: Any,  # noqa: ANN401 - further fields of a message
    ) -> Document:
        """Store and publish a system message, such as ``au`` for an added user.

        ``extra`` are further fields, as ``role`` of a message about one.
        """
        now = self._now()
        message: Document = {"_id": make_id(), "t": kind, "rid": room.id, "ts": now, "msg": text}
        message |= {"u": user.as_author(), "groupable": False, "_updatedAt": now} | extra
        if kind == "au":
            del message["u"]["name"]
        self._store(message)
        self._rooms.change(room, msgs=room.document["msgs"] + 1)
        self.publish(message)
        return message

    def tell(self, user: User, room_id: object, text: str) -> None:
        """Show a text to one user only; it is not stored.

        Source: ``notify.ephemeralMessage`` in ``server/modules/listeners``, 8.x.
        """
        now = self._now()
        cat = {"_id": "rocket.cat", "username": "rocket.cat"}
        message: Document = {"groupable": False, "u": cat, "private": True, "rid": room_id}
        message |= {"_id": str(to_milliseconds(now)), "ts": now, "msg": text}
        message["md"] = parse_text(text, links_addresses=self._version.links_addresses)
        self._event_bus.publish(UserNotified(user.id, "message", (message,)))

    def edit(
        self, user: User, message: Document, text: str, previewed: Collection[str] | None = None
    ) -> None:
        """Replace a message's text; quotes of other messages in its attachments go."""
        now = self._now()
        text = close_code_block(text)
        message.pop("md", None)
        message |= {"msg": text} | self._parse(text, find_urls(text, previewed))
        if attachments := message.get("attachments"):
            message["attachments"] = [each for each in attachments if "message_link" not in each]
        message |= {"editedAt": now, "editedBy": {"_id": user.id, "username": user.username}}
        self._change(message, is_saved=True)

    def react(self, user: User, message: Document, emoji: str, *, is_set: bool) -> None:
        """Add or remove a user's reaction such as ``:smile:``."""
        reactions = message.get("reactions", {})
        names = reactions.pop(emoji, {}).get("usernames", [])
        names = [name for name in names if name != user.username]
        names += [user.username] if is_set else []
        if names:
            reactions[emoji] = {"usernames": names}
        message["reactions"] = reactions
        room = self._rooms.find(message["rid"])
        if not reactions:
            del message["reactions"]
        if room and not is_set and self._version.is_before_7:
            room.document["reactWhenReadOnly"] = False
        self._change(message, changes_room=self._version.reaction_changes_room)

    def star(self, user: User, message: Document, *, is_set: bool) -> None:
        """Add or remove a user's star."""
        starred = [row for row in message.get("starred", []) if row["_id"] != user.id]
        message["starred"] = [*starred, {"_id": user.id}] if is_set else starred
        self._change(message)

    def publish_again(self, message: Document, **changes: Any) -> None:  # noqa: ANN401 - fields of a document
        """Change fields of a message and publish it again, as the server often does.

        Without ``changes`` it is as if a hook of the server had only stored it again.
        """
        message |= changes
        self._change(message)

    def delete(self, message: Document) -> None:
        """Delete a message; a tombstone stays."""
        del self._messages[message["_id"]]
        self._by_room[message["rid"]].remove(message)
        now = self._now()
        tombstone = {"_id": message["_id"], "rid": message["rid"], "_deletedAt": now}
        self._tombstones.append(tombstone)
        self._event_bus.publish(MessageDeleted(message["rid"], message["_id"]))
        room = self._rooms.find(message["rid"])
        if room is None:
            return
        remaining = [each for each in self.of(room) if "t" not in each and _is_in_main_view(each)]
        last = {"lastMessage": copy_document(remaining[-1])} if remaining else {}
        if not remaining:
            room.document.pop("lastMessage", None)
        self._rooms.change(room, msgs=room.document["msgs"] - 1, **last)

    def delete_by(self, user: User, room: Room) -> None:
        """Delete what a user said in a room."""
        for message in self.of(room):
            if message["u"]["_id"] == user.id:
                self.delete(message)

    def publish(self, message: Document, *, is_saved: bool = False) -> None:
        """Publish a message in its present state; ``is_saved`` as in MessageStored."""
        room = self._rooms.find(message["rid"])
        if room is not None:
            self._event_bus.publish(MessageStored(copy_document(message), room, is_saved))

    def _store(self, message: Document) -> None:
        self._messages[message["_id"]] = message
        self._by_room[message["rid"]].append(message)

    def _parse(self, text: str, urls: list[Document] | None) -> Document:
        found: Document = {"mentions": find_mentions(text, self._people.find_by_name)}
        named = map(self._rooms.find_by_name, find_channel_names(text))
        channels = [room for room in named if room is not None and room.type != "d"]
        found["channels"] = [
            {"_id": room.id, "fname": room.document.get("fname", room.name), "name": room.name}
            for room in channels
        ]
        found |= {} if urls is None else {"urls": urls}
        parsed = parse_text(text, links_addresses=self._version.links_addresses)
        return found | ({"md": parsed} if text else {})

    def _complete_attachments(self, attachments: Iterable[Document]) -> list[Document]:
        defaults = {"ts": "1970-01-01T00:00:00.000Z"} if self._version.fills_attachment_ts else {}
        return [defaults | copy_document(attachment) for attachment in attachments]

    def _publish_new(self, user: User, room: Room, message: Document) -> None:
        is_main = _is_in_main_view(message)
        fields = {"lm": message["ts"], "lastMessage": copy_document(message)} if is_main else {}
        self._count_unread(user, room, message)
        self._rooms.change(room, msgs=room.document["msgs"] + 1, **fields)
        root = self._update_thread_root(user, message)
        order = (root, message) if self._version.publishes_root_first else (message, root)
        for changed in order:
            if changed is not None:
                self.publish(changed, is_saved=changed is message)

    def _update_thread_root(self, user: User, message: Document) -> Document | None:
        root = self.find(message.get("tmid"))
        if root is None:
            return None
        mentioned = [row["_id"] for row in message.get("mentions", []) if "type" in row]
        first = [] if root.get("replies") else [root["u"]["_id"]]
        followers = [*root.get("replies", []), *mentioned, *first, user.id]
        root |= {"replies": list(dict.fromkeys(followers)), "tlm": message["ts"]}
        root |= {"tcount": root.get("tcount", 0) + 1, "_updatedAt": self._now()}
        self._mark_thread_unread(user, root)
        return root

    def _mark_thread_unread(self, user: User, root: Document) -> None:
        """Add the thread to ``tunread`` of its followers but the one who replies."""
        room = self._rooms.find(root["rid"])
        for follower in map(self._people.find, root["replies"]):
            row = self._rooms.subscription(follower, room) if room and follower else None
            if room and follower and follower is not user and row is not None:
                threads = dict.fromkeys([*row.get("tunread", ()), root["_id"]])
                self._rooms.change_subscription(room, follower, tunread=list(threads), alert=True)

    def _count_unread(self, user: User, room: Room, message: Document) -> None:
        mentioned = {row["_id"] for row in message.get("mentions", [])}
        for member_id in room.member_ids:
            member = self._people.find(member_id)
            row = self._rooms.subscription(member, room) if member else None
            if member is user and not self._version.is_before_7:
                # The server publishes all rows of the room; the sender's is unchanged (as seen on
                # 8.3). On 6.5.3 it was not touched.
                self._rooms.publish_subscription(room, user)
            if member is None or row is None or member is user:
                continue
            is_mentioned = member.id in mentioned or not mentioned.isdisjoint({"all", "here"})
            counts = room.type == "d" or is_mentioned
            mentions = row["userMentions"] + (member.id in mentioned)
            unread = row["unread"] + counts
            fields = {"alert": True, "unread": unread, "userMentions": mentions, "open": True}
            self._rooms.change_subscription(room, member, **fields)
            if counts:
                self._notify(member, room, message)

    def _notify(self, member: User, room: Room, message: Document) -> None:
        payload = {"_id": message["_id"], "rid": room.id, "sender": message["u"], "type": room.type}
        payload |= {"message": {"msg": message["msg"]}, "name": room.name}
        title = f"#{room.name}" if room.name else message["u"]["name"]
        notification = {"title": title, "text": message["msg"], "duration": 0, "payload": payload}
        self._event_bus.publish(UserNotified(member.id, "notification", (notification,)))

    def _add_mentioned(self, user: User, room: Room, message: Document) -> None:
        """Add mentioned users to a public channel, as the server does."""
        for row in message.get("mentions", []) if room.type == "c" else []:
            mentioned = self._people.find(row["_id"])
            if mentioned and not room.has(mentioned):
                self._rooms.add_member(room, mentioned)
                self.say_system(user, room, "au", mentioned.username)

    def _change(
        self, message: Document, *, changes_room: bool = True, is_saved: bool = False
    ) -> None:
        # Clients compare this date to see what is new, so it must differ from the last one.
        message["_updatedAt"] = max(self._now(), message["_updatedAt"] + timedelta(milliseconds=1))
        room = self._rooms.find(message["rid"])
        if room and changes_room:
            is_last = room.document.get("lastMessage", {}).get("_id") == message["_id"]
            self._rooms.change(room, **({"lastMessage": copy_document(message)} if is_last else {}))
        self.publish(message, is_saved=is_saved)


def _is_in_main_view(message: Document) -> bool:
    return "tmid" not in message or bool(message.get("tshow"))
