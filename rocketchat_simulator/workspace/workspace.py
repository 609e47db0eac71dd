"""One server's state and rules, without any I/O: people, rooms, messages, sessions.

REST and the realtime API serve this state; tests and the demo also act on it directly.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from rocketchat_simulator.workspace.documents import Document, hash_token
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.events import EventBus
from rocketchat_simulator.workspace.integrations import Integrations
from rocketchat_simulator.workspace.message_rules import (
    check_content,
    check_envelope,
    check_room,
    check_text,
    choose_date,
    translate_refusal,
)
from rocketchat_simulator.workspace.message_updates import MessageUpdates
from rocketchat_simulator.workspace.messages import Messages
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.oauth_provider import OAuthProvider
from rocketchat_simulator.workspace.people import People
from rocketchat_simulator.workspace.rooms import Rooms
from rocketchat_simulator.workspace.sessions import Sessions
from rocketchat_simulator.workspace.settings import Settings
from rocketchat_simulator.workspace.uploads import Uploads
from rocketchat_simulator.workspace.versions import Version

_FIELDS_FROM_CLIENT: Final = frozenset(
    {
        "alias",
        "avatar",
        "blocks",
        "bot",
        "customFields",
        "drid",
        "emoji",
        "groupable",
        "parseUrls",
        "t",
        "tshow",
    }
)


class Workspace:
    """The state of a Rocket.Chat server. It starts with the user rocket.cat and no rooms.

    ``now`` returns aware datetimes. The methods that tests use most are here; ``people``,
    ``rooms``, ``messages``, ``uploads``, ``sessions`` and ``oauth`` have more.
    """

    def __init__(
        self,
        *,
        version: Version,
        is_licensed: bool = True,
        allows_anonymous_reading: bool = False,
        now: Callable[[], datetime],
    ) -> None:
        def now_in_milliseconds() -> datetime:
            moment = now()
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

        self.version: Final = version
        self.is_licensed = is_licensed
        self.settings: Final = Settings()
        self.allows_anonymous_reading = allows_anonymous_reading
        self.tokens_secret: str | None = None
        """With it, administrators may make tokens for others by ``users.createToken``.

        The server reads it from its environment: ``CREATE_TOKENS_FOR_USERS_SECRET`` from 8.0 on,
        before ``CREATE_TOKENS_FOR_USERS=true`` without a secret.
        """
        self.now: Final = now_in_milliseconds
        self.event_bus: Final = EventBus()
        self.people: Final = People(self.event_bus, self.now)
        self.permissions: Final = self.people.permissions
        self.rooms: Final = Rooms(self.people, self.event_bus, version, self.now)
        self.messages: Final = Messages(self.people, self.rooms, self.event_bus, version, self.now)
        self.uploads: Final = Uploads(self.messages, self.settings, self.now)
        self.sessions: Final = Sessions(self.people, self.event_bus, version, self.now)
        self.integrations: Final = Integrations(self.people)
        self.oauth: Final = OAuthProvider(self.people, version, self.now)
        self.subscribe: Final = self.event_bus.subscribe
        self.secrets: Final = self.people.secrets
        self.find_user: Final = self.people.find
        self.find_user_by_name: Final = self.people.find_by_name
        self.make_login_token: Final = self.people.make_login_token
        self.make_personal_access_token: Final = self.people.make_personal_access_token
        self.remove_personal_access_token: Final = self.people.remove_personal_access_token
        self.user_of_token: Final = self.people.user_of_token
        self.revoke_token: Final = self.people.revoke_token
        self.make_channel: Final = self.rooms.make_channel
        self.direct_room: Final = self.rooms.direct_room
        self.find_room: Final = self.rooms.find
        self.say: Final = self.messages.say
        self.edit: Final = self.messages.edit
        self.react: Final = self.messages.react
        self.star: Final = self.messages.star
        self.delete: Final = self.messages.delete
        self.publish_again: Final = self.messages.publish_again
        updates = MessageUpdates(self.messages, self.rooms, self.now)
        self.pin: Final = updates.pin
        self.preview_links: Final = updates.preview_links
        self.mark_read: Final = updates.mark_read
        self.open_session: Final = self.sessions.open
        self.close_session: Final = self.sessions.close
        self.roll_over_midnight: Final = self.sessions.roll_over_midnight
        self.has_second_factor = False
        """Whether guarded routes want a second factor, as with the setting
        ``Accounts_TwoFactorAuthentication_Enabled``; the recorded servers did not want one."""
        cat = self.people.add(
            "rocket.cat", "Rocket.Cat", roles=("bot",), id="rocket.cat", type="bot"
        )
        cat.status, cat.utc_offset = "online", 0

    @property
    def language(self) -> str:
        """The setting ``Language``; empty until somebody chooses one."""
        return str(self.settings["Language"])

    @language.setter
    def language(self, language: str) -> None:
        self.settings["Language"] = language

    @property
    def allows_anonymous_reading(self) -> bool:
        """The setting ``Accounts_AllowAnonymousRead``."""
        return bool(self.settings["Accounts_AllowAnonymousRead"])

    @allows_anonymous_reading.setter
    def allows_anonymous_reading(self, is_allowed: bool) -> None:
        self.settings["Accounts_AllowAnonymousRead"] = is_allowed

    @property
    def users(self) -> tuple[User, ...]:
        """All accounts, oldest first; the first is rocket.cat."""
        return self.people.users

    def add_user(
        self,
        username: str,
        name: str = "",
        *,
        password: str | None = None,
        roles: tuple[str, ...] = ("user",),
        language: str = "",
        utc_offset: float | None = None,
        id: str | None = None,  # noqa: A002 - Rocket.Chat's word
        email: str = "",
    ) -> User:
        """Add an account; without ``password``, it gets a random one.

        Raise RefusedError if the username is taken.
        """
        return self.people.add(
            username,
            name,
            password=password,
            roles=roles,
            language=language,
            utc_offset=utc_offset,
            id=id,
            email=email,
        )

    def rename(self, user: User, username: str) -> None:
        """Change a username: the id stays, and rooms and messages show the new name."""
        old = user.username
        self.people.rename(user, username)
        self.rooms.rename_member(user, old)
        self.messages.rename_author(user, old)

    def delete_user(self, user: User) -> None:
        """Delete an account with its messages and direct messages; it leaves all rooms."""
        for room in self.rooms.of(user):
            self.messages.delete_by(user, room)
            if room.type == "d":
                self.rooms.delete(room)
            else:
                self.rooms.remove_member(room, user)
        self.people.remove(user)

    def join_default_channels(self, user: User) -> None:
        """Add a new account to the default channels."""
        for room in self.rooms.all:
            if room.document.get("default"):
                self.join(user, room)
                row = {"alert": True, "unread": 1, "userMentions": 1}
                self.rooms.change_subscription(room, user, **row)

    def logout_session(self, session_id: str, by: User) -> bool:
        """Log out one of the user's own sessions; return False if there is none with this id."""
        return self.sessions.logout(session_id, owner=by, by=by)

    def logout(self, user: User, token: str) -> None:
        """Log a client out: revoke its token, and set ``logoutAt`` on its sessions."""
        self.sessions.mark_logged_out(user, hash_token(token))
        self.people.revoke_token(token)

    def join(self, user: User, room: Room) -> None:
        """Add a user to a room, with a system message that they joined."""
        if not room.has(user):
            self.rooms.add_member(room, user)
            self.messages.say_system(user, room, "uj", user.username)

    def invite(self, by: User, user: User, room: Room) -> None:
        """Add a user to a room, with a system message that another added them."""
        if not room.has(user):
            self.rooms.add_member(room, user)
            self.messages.say_system(by, room, "au", user.username)

    def remove(self, by: User, user: User, room: Room) -> None:
        """Remove a user from a room, with a system message that they left or were removed."""
        if room.has(user):
            self.rooms.remove_member(room, user)
            self.messages.say_system(by, room, "ul" if by is user else "ru", user.username)

    def set_room_role(self, by: User, user: User, room: Room, role: str, *, is_set: bool) -> None:
        """Set or unset a role of a member in a room, and say so in a system message."""
        self.rooms.set_role(room, user, role, is_set=is_set)
        kind = f"subscription-role-{'added' if is_set else 'removed'}"
        self.messages.say_system(by, room, kind, user.username, role=role)

    def send_message(
        self, user: User, message: Document, previewed: list[str] | None = None
    ) -> Document:
        """Do what ``chat.sendMessage`` does with a client's message; return the stored one.

        Raise RefusedError where the server would; its ``kind`` is empty for refusals that the
        realtime API does not report. ``previewed`` are the links that shall have previews.
        """
        check_envelope(message)
        ts = choose_date(message, self.now())
        text = str(message.get("msg") or "")
        check_text(text)
        parent = self.messages.find(message.get("tmid")) or {}
        rid = parent.get("rid") or message.get("rid")
        if not rid:
            raise RefusedError("The 'rid' property on the message object is missing.")
        room = self._check_sent(user, rid, message)
        extra = {key: value for key, value in message.items() if key in _FIELDS_FROM_CLIENT}
        return self.messages.say(
            user,
            room,
            text,
            id=message.get("_id"),
            thread_id=parent.get("tmid") or message.get("tmid"),
            attachments=message.get("attachments"),
            ts=ts,
            previewed=previewed,
            **extra,
        )

    def _check_sent(self, user: User, rid: object, message: Document) -> Room:
        """Return the room; where a message is refused, tell its sender in private, too."""
        try:
            room = check_room(user, self.rooms.find(rid), self.version)
            check_content(user, room, message, self.version)
        except RefusedError as error:
            self.messages.tell(user, message.get("rid"), translate_refusal(error))
            raise
        return room
