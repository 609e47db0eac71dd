"""Users, their tokens, and rooms, as the workspace stores them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.permissions import has_permission

LOGIN_TOKEN_LIFETIME: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Token:
    """What the server keeps of a token; ``name`` is empty for login tokens."""

    hash: str
    made_at: datetime
    name: str = ""
    last_part: str = ""
    bypasses_two_factor: bool = False

    @property
    def expires_at(self) -> datetime:
        """When a login token ends; personal access tokens never do."""
        return self.made_at + LOGIN_TOKEN_LIFETIME


@dataclass(slots=True, eq=False)
class User:
    """Somebody with an account; ``utc_offset`` is missing until a client of theirs has set it."""

    id: str
    username: str
    name: str
    password: str = field(repr=False)
    roles: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    email: str = ""
    type: str = "user"
    language: str = ""
    utc_offset: float | None = None
    is_active: bool = True
    status: str = "offline"
    status_text: str | None = None
    last_login: datetime | None = None
    is_installer: bool = False
    """The administrator that the server itself made at its first start."""
    has_email_code: bool = False
    """Codes by e-mail are on, as for accounts that an administrator made (6.5)."""
    has_connected: bool = False
    authorized_clients: list[str] = field(default_factory=list)
    """Client ids of the applications that they have let in."""
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    _connections: int = 0

    @property
    def connections(self) -> int:
        """How many websockets are logged in as them now."""
        return self._connections

    @connections.setter
    def connections(self, number: int) -> None:
        self._connections = number
        self.has_connected = True

    def may(self, permission: str) -> bool:
        """Return whether one of their roles carries the permission."""
        return has_permission(self.roles, permission)

    def as_author(self) -> Document:
        """Give ``u`` as messages carry it."""
        return {"_id": self.id, "username": self.username, "name": self.name}


@dataclass(slots=True, eq=False)
class Room:
    """A room: its document in the server's spelling, and its members' ids."""

    document: Document
    member_ids: list[str]
    muted_ids: set[str] = field(default_factory=set)

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
        """Return whether somebody is a member."""
        return user.id in self.member_ids

    def is_readable_by(self, user: User) -> bool:
        """Return whether somebody may read it; public channels are open to nearly everybody."""
        return self.has(user) or (self.type == "c" and user.may("view-c-room"))
