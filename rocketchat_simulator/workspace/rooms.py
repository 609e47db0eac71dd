"""Rooms, their members, and each member's subscription to a room."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from rocketchat_simulator.workspace.documents import Document, copy_document, make_object_id
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import EventBus, RoomChanged, SubscriptionChanged
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.people import People
from rocketchat_simulator.workspace.versions import Version

_ROCKET_CAT: Final = {"_id": "rocket.cat", "username": "rocket.cat", "name": "Rocket.Cat"}
_GENERAL: Final[Document] = {
    "_id": "GENERAL",
    "name": "general",
    "usernames": [],
    "default": True,
    "u": _ROCKET_CAT,
}


class Rooms:
    """All rooms of the workspace."""

    def __init__(
        self, people: People, event_bus: EventBus, version: Version, now: Callable[[], datetime]
    ) -> None:
        self._people = people
        self._event_bus = event_bus
        self._version = version
        self._now = now
        self._rooms: dict[str, Room] = {}
        self._direct: dict[tuple[str, ...], Room] = {}
        # By user id, then by room id.
        self._subscriptions: defaultdict[str, dict[str, Document]] = defaultdict(dict)

    @property
    def all(self) -> tuple[Room, ...]:
        """Every room, oldest first."""
        return tuple(self._rooms.values())

    def find(self, room_id: object) -> Room | None:
        """Find a room by id."""
        return self._rooms.get(room_id) if isinstance(room_id, str) else None

    def find_by_name(self, name: str) -> Room | None:
        """Find a channel or group by name."""
        return next((room for room in self._rooms.values() if name and room.name == name), None)

    def of(self, user: User, types: str = "cpd") -> list[Room]:
        """Return the rooms that a user is a member of."""
        found = [self._rooms[room_id] for room_id in self._subscriptions[user.id]]
        return [room for room in found if room.type in types]

    def subscription(self, user: User, room: Room) -> Document | None:
        """Return a member's subscription to a room."""
        return self._subscriptions[user.id].get(room.id)

    def subscriptions_of(self, user: User) -> list[Document]:
        """Return a user's subscriptions to all their rooms."""
        return list(self._subscriptions[user.id].values())

    def make_channel(
        self,
        name: str,
        members: Iterable[User],
        *,
        is_private: bool = False,
        is_read_only: bool = False,
        creator: User | None = None,
    ) -> Room:
        """Make a channel or a private group; without ``creator``, the first member owns it.

        The name ``general`` makes the channel that every real workspace starts with and that new
        accounts join. Raise RefusedError if the name is taken.
        """
        if self.find_by_name(name):
            raise _make_name_in_use(name)
        people = list(dict.fromkeys([creator, *members] if creator else members))
        if name == _GENERAL["name"]:
            return self._add(self._make_general(), people)
        roles = {people[0].id: ["owner"]} if people else {}
        owner = people[0].as_author() if people else _ROCKET_CAT
        document = self._make_document("p" if is_private else "c", ro=is_read_only, u=owner)
        document |= {"name": name, "fname": name}
        if self._version.has_custom_fields:
            document["customFields"] = {}
        return self._add(document, people, roles)

    def direct_room(self, *users: User) -> Room:
        """Return the direct message between these users; make it if there is none yet."""
        people = sorted(set(users), key=lambda user: user.username)
        ids = sorted(user.id for user in people)
        if known := self._direct.get(tuple(ids)):
            return known
        document = self._make_document("d", uids=ids, usernames=[user.username for user in people])
        if self._version.concatenates_direct_ids and len(ids) <= 2:  # noqa: PLR2004 - a pair, or oneself
            document["_id"] = "".join(ids)
        room = self._direct[tuple(ids)] = self._add(document, people)
        return room

    def find_direct(self, *users: User) -> Room | None:
        """Find the direct message between these users."""
        return self._direct.get(tuple(sorted(user.id for user in set(users))))

    def add_member(self, room: Room, user: User) -> None:
        """Add a member, without a system message."""
        if room.has(user):
            return
        room.member_ids.append(user.id)
        room.document["usersCount"] = len(room.member_ids)
        row = self._make_subscription(room, user)
        self._touch(room)
        self._event_bus.publish(SubscriptionChanged(user.id, "inserted", copy_document(row)))
        self._event_bus.publish(RoomChanged((user.id,), "inserted", copy_document(room.document)))

    def remove_member(self, room: Room, user: User) -> None:
        """Remove a member, without a system message."""
        if not room.has(user):
            return
        room.member_ids.remove(user.id)
        room.roles.pop(user.id, None)
        room.document["usersCount"] = len(room.member_ids)
        row = self._subscriptions[user.id].pop(room.id)
        self._touch(room)
        self._event_bus.publish(SubscriptionChanged(user.id, "removed", row))
        self._event_bus.publish(RoomChanged((user.id,), "removed", copy_document(room.document)))

    def delete(self, room: Room) -> None:
        """Delete a room and its members' subscriptions."""
        self._rooms.pop(room.id, None)
        for user_id in room.member_ids:
            row = self._subscriptions[user_id].pop(room.id)
            self._event_bus.publish(SubscriptionChanged(user_id, "removed", row))
        self._event_bus.publish(
            RoomChanged(tuple(room.member_ids), "removed", copy_document(room.document))
        )

    def change(self, room: Room, **fields: Any) -> None:  # noqa: ANN401 - fields of a document
        """Change fields of a room and publish it to its members."""
        room.document |= fields
        self._touch(room)
        shown = copy_document(room.document)
        if room.type == "d" and self._version.repeats_usernames:
            shown["_USERNAMES"] = shown["usernames"]
        self._event_bus.publish(RoomChanged(tuple(room.member_ids), "updated", shown))

    def rename(self, room: Room, name: str) -> None:
        """Change a room's name; raise RefusedError if another has it.

        The room is published with the system message that follows.
        """
        if self.find_by_name(name) not in {None, room}:
            raise _make_name_in_use(name)
        room.document |= {"name": name, "fname": name}
        for member in map(self._people.find, room.member_ids):
            if member:
                self.change_subscription(room, member, name=name, fname=name)

    def set_archived(self, room: Room, *, is_archived: bool) -> None:
        """Archive a room, or bring it back, for all of its members.

        The room is published with the system message that follows.
        """
        room.document["archived"] = is_archived
        for member in map(self._people.find, room.member_ids):
            if member:
                fields = {"archived": is_archived, "open": not is_archived, "alert": False}
                self.change_subscription(room, member, **fields)

    def change_subscription(self, room: Room, user: User, **fields: Any) -> None:  # noqa: ANN401 - the same
        """Change fields of a member's subscription and publish it to them."""
        row = self.subscription(user, room)
        if row is not None:
            row |= fields | {"_updatedAt": self._now()}
            self.publish_subscription(room, user)

    def set_role(self, room: Room, user: User, role: str, *, is_set: bool) -> None:
        """Set or unset a role of a member in this room."""
        roles = [each for each in room.roles_of(user) if each != role]
        room.roles[user.id] = [*roles, role] if is_set else roles
        self.change_subscription(room, user, roles=list(room.roles[user.id]))

    def publish_subscription(self, room: Room, user: User) -> None:
        """Publish a member's subscription as it is."""
        row = self.subscription(user, room)
        if row is not None:
            self._event_bus.publish(SubscriptionChanged(user.id, "updated", copy_document(row)))

    def mark_read(self, room: Room, user: User, *, reads_threads: bool = False) -> None:
        """Set a member's counts of unread messages to zero; threads stay unread unless read too."""
        row = self.subscription(user, room) or {}
        if reads_threads:
            row.pop("tunread", None)
        counts = {"unread": 0, "userMentions": 0, "groupMentions": 0}
        counts |= {"alert": bool(row.get("tunread"))}
        self.change_subscription(room, user, ls=self._now(), **counts)

    def rename_member(self, user: User, old: str) -> None:
        """Write the new username into the rooms and subscriptions that show the old one.

        Source: ``saveUserIdentity.ts``, 8.3; recordings show the room's ``usernames``.
        """
        for room in self.of(user):
            row = self._subscriptions[user.id][room.id]
            self.change_subscription(room, user, u=row["u"] | {"username": user.username})
            if room.type != "d":
                continue
            names = room.document["usernames"]
            names = [user.username if name == old else name for name in names]
            self.change(room, usernames=names)
            for peer in map(self._people.find, room.member_ids):
                if peer:
                    self.change_subscription(room, peer, **self._peer_names(room, peer))

    def _add(
        self, document: Document, people: list[User], roles: dict[str, list[str]] | None = None
    ) -> Room:
        room = Room(document, [user.id for user in people], roles=roles or {})
        document["usersCount"] = len(people)
        self._rooms[room.id] = room
        for user in people:
            row = self._make_subscription(room, user)
            self._event_bus.publish(SubscriptionChanged(user.id, "inserted", copy_document(row)))
        self._event_bus.publish(
            RoomChanged(tuple(room.member_ids), "inserted", copy_document(room.document))
        )
        return room

    def _make_general(self) -> Document:
        document = self._make_document("c") | copy_document(_GENERAL)
        return {key: document[key] for key in document if key not in {"ro", "sysMes"}}

    def _make_document(self, type_: str, *, ro: bool = False, **fields: Any) -> Document:  # noqa: ANN401 - the same
        now = self._now()
        document = {"_id": make_object_id(now), "t": type_, "msgs": 0, "usersCount": 0, "ts": now}
        return document | {"default": False, "ro": ro, "sysMes": True, "_updatedAt": now} | fields

    def _make_subscription(self, room: Room, user: User) -> Document:
        now = self._now()
        row: Document = {"_id": make_object_id(now), "rid": room.id, "t": room.type, "open": True}
        row |= {"u": {"_id": user.id, "username": user.username}, "_updatedAt": now}
        row |= {"alert": False, "unread": 0, "userMentions": 0, "groupMentions": 0}
        if room.type == "d":
            row |= self._peer_names(room, user)
            row |= {} if self._version.is_before_7 else {"ts": now}
        else:
            row |= {"name": room.name, "ts": now}
            row |= {"fname": room.document["fname"]} if "fname" in room.document else {}
            if room.id != _GENERAL["_id"]:
                # Accounts join it before they have a name (as seen on 6.5.3).
                row["u"]["name"] = user.name
        if room.roles_of(user):
            row |= {"roles": list(room.roles_of(user)), "ls": now}
        self._subscriptions[user.id][room.id] = row
        return row

    def _peer_names(self, room: Room, user: User) -> Document:
        found = [self._people.find(id_) for id_ in room.member_ids if id_ != user.id]
        peers = [peer for peer in found if peer] or [user]
        return {
            "fname": ", ".join(peer.name for peer in peers),
            "name": ",".join(peer.username for peer in peers),
        }

    def _touch(self, room: Room) -> None:
        room.document["_updatedAt"] = self._now()


def _make_name_in_use(name: str) -> RefusedError:
    details = {"function": "RocketChat.getValidRoomName", "channel_name": name}
    reason = f"A channel with name '{name}' exists"
    return RefusedError(reason, "error-duplicate-channel-name", details)
