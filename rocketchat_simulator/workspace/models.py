"""Users, their tokens, and rooms, as the workspace stores them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.permissions import Permissions

LOGIN_TOKEN_LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class File:
    """A file as a client sends it."""

    name: str
    type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """What the server stores about a token; ``name`` is empty for login tokens."""

    hash: str
    made_at: datetime
    name: str = ""
    last_part: str = ""
    bypasses_two_factor: bool = False

    @property
    def expires_at(self) -> datetime:
        """When a login token expires; personal access tokens never do."""
        return self.made_at + LOGIN_TOKEN_LIFETIME


@dataclass(slots=True, eq=False)
class User:
    """An account. ``utc_offset`` is None until a client of the user has set it."""

    id: str
    username: str
    name: str
    password: str = field(repr=False)
    roles: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    permissions: Permissions = field(repr=False)
    """The permissions of the workspace, which all of its users share."""
    email: str = ""
    type: str = "user"
    language: str = ""
    utc_offset: float | None = None
    is_active: bool = True
    status: str = "offline"
    status_text: str | None = None
    bio: str = ""
    nickname: str = ""
    avatar: File | None = field(default=None, repr=False)
    """The uploaded picture; without one, clients get the first letter of the name."""
    is_shown_offline: bool = False
    """Whether the user has chosen to be shown as offline while online."""
    last_login: datetime | None = None
    is_installer: bool = False
    """Whether this is the administrator that the server makes at its first start."""
    has_email_code: bool = False
    """Whether codes by e-mail are on, as for accounts made by an administrator (6.5)."""
    has_verified_email: bool = True
    has_connected: bool = False
    authorized_clients: list[str] = field(default_factory=list)
    """Client ids of the OAuth applications that the user has authorized."""
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    away_sessions: set[str] = field(default_factory=set)
    """Sessions of open websockets whose client has said that its user is away."""
    _connections: int = 0

    @property
    def connections(self) -> int:
        """The number of open websockets that are logged in as this user."""
        return self._connections

    @connections.setter
    def connections(self, number: int) -> None:
        self._connections = number
        self.has_connected = True

    def may(self, permission: str) -> bool:
        """Return whether one of the user's roles has the permission."""
        return self.permissions.allow(self.roles, permission)

    def as_author(self) -> Document:
        """Return the ``u`` of this user's messages."""
        return {"_id": self.id, "username": self.username, "name": self.name}


@dataclass(slots=True, eq=False)
class Room:
    """A room: its document, and the ids of its members and of those who are muted in it.

    ``roles`` are the roles that members have in this room only, as ``owner``, by user id.
    """

    document: Document
    member_ids: list[str]
    muted_ids: set[str] = field(default_factory=set)
    roles: dict[str, list[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The room's id, ``rid`` in messages."""
        return str(self.document["_id"])

    @property
    def type(self) -> str:
        """``c`` public, ``p`` private, ``d`` direct."""
        return str(self.document["t"])

    @property
    def name(self) -> str | None:
        """The name; a direct message has none."""
        name: str | None = self.document.get("name")
        return name

    def has(self, user: User) -> bool:
        """Return whether a user is a member."""
        return user.id in self.member_ids

    def roles_of(self, user: User) -> list[str]:
        """Return the roles that a user has in this room only."""
        return self.roles.get(user.id, [])

    def is_last_owner(self, user: User) -> bool:
        """Return whether a user is the only owner of the room."""
        return [id_ for id_, roles in self.roles.items() if "owner" in roles] == [user.id]

    def is_readable_by(self, user: User) -> bool:
        """Return whether a user may read it: members, and for public channels nearly everybody."""
        return self.has(user) or (self.type == "c" and user.may("view-c-room"))

    def allows(self, user: User, permission: str) -> bool:
        """Return whether one of the user's roles, here or everywhere, has the permission."""
        return user.permissions.allow((*user.roles, *self.roles_of(user)), permission)
