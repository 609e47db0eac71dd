"""The values that travel between modules; ``bot.rocketchat.wire`` makes them of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

_MILLISECOND = 1000


class RoomType(StrEnum):
    """The kind of a room; ``OTHER`` is any kind that the bot does not serve."""

    DIRECT = "d"
    CHANNEL = "c"
    PRIVATE = "p"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class AuthToken:
    """What authenticates a call as one user: a personal access token, or a login token.

    ``is_bearer`` marks an OAuth access token, which travels in another header.
    """

    user_id: str
    secret: SecretStr = field(hash=False)  # equality compares it all the same
    is_bearer: bool = False


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens that Rocket.Chat issues as OAuth 2 provider.

    The access token is valid until ``expires_at``. The refresh token works once; the pair that it
    is exchanged for ends both of these.
    """

    access_token: SecretStr
    refresh_token: SecretStr
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Sender:
    """The author of a message."""

    id: str
    username: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A person in the workspace, as ``GET me`` describes them; ``users.info`` tells less.

    ``utc_offset`` is in hours and missing until a client of theirs has set it; ``language`` is
    Rocket.Chat's code, empty where the person follows the workspace.
    """

    id: str
    username: str
    name: str = ""
    utc_offset: float | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """A room; ``member_ids`` are known for direct messages only, and not after ``im.create``.

    ``updated_at`` changes with each message in it, by the server's clock.
    """

    id: str
    type: RoomType
    member_ids: tuple[str, ...] = ()
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message; all times are aware and in UTC.

    ``thread_id`` is the id of the thread's first message. ``system_type`` is Rocket.Chat's
    ``t`` (``uj``, ``e2e``, …), empty for what a person wrote. ``is_automatic`` is true for
    integrations, aliases and private notices of the server. ``mentions`` are the present user
    names of mentioned people by their ids.
    """

    id: str
    room_id: str
    room_type: RoomType
    sender: Sender
    text: str
    sent_at: datetime
    is_participant: bool = True
    thread_id: str | None = None
    edited_at: datetime | None = None
    system_type: str = ""
    is_automatic: bool = False
    mentions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """Name and version as the workspace read them from the user agent; either may be empty."""

    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """The client behind a session; ``type`` is an open set (browser, mobile-app, other, …)."""

    type: str = ""
    name: str = ""
    version: str = ""
    long_version: str = ""
    os: OperatingSystem = field(default_factory=OperatingSystem)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address may be: the ISO 3166 code of the country, and the city by language.

    ``city`` is empty where it is not known; its keys are like ``en`` and ``pt-BR``.
    """

    country: str
    city: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """One login session of a user; whatever the workspace did not record is empty or None.

    ``is_activity_recorded`` is false where the answer does not tell whether the session is
    connected: in ``sessions/list``, and in ``sessions/info`` from 8.8 on. ``place`` is from the
    operator's database, not the workspace's. Neither the login token's hash nor any other secret is
    kept.
    """

    id: str
    user_id: str = ""
    device: Device = field(default_factory=Device)
    ip: str = ""
    host: str = ""
    logged_in_at: datetime | None = None
    last_activity_at: datetime | None = None
    closed_at: datetime | None = None
    logged_out_at: datetime | None = None
    logged_out_by: str = ""
    is_activity_recorded: bool = True
    place: Place | None = None

    @property
    def is_rolled_over(self) -> bool:
        """Whether this is the row of a past day, at whose end the session was connected.

        The nightly job of the server stamps such rows with the last millisecond of the day, in an
        unknown zone (``SAUMonitor.ts``, 8.3); all zones are whole quarters of an hour off UTC.
        """
        seen = self.last_activity_at
        if seen is None or self.closed_at or self.logged_out_at:
            return False
        end = seen + timedelta(milliseconds=1)
        return end.minute % 15 == 0 and end.second == 0 and end.microsecond < _MILLISECOND


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Part of a user's session list, newest first; ``total`` counts all that match."""

    sessions: tuple[Session, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Invocation:
    """One command called by one person: ``!session abc`` is ``name="session", words="abc"``.

    ``is_prefixed`` is false where a direct message left the prefix out; such a text may not be
    meant as a command.
    """

    name: str
    words: str
    message: Message
    is_prefixed: bool = True


@dataclass(frozen=True, slots=True)
class Fact:
    """A titled value in an attachment; ``is_short`` facts share a line on a wide screen."""

    title: str
    value: str
    is_short: bool = True


@dataclass(frozen=True, slots=True)
class Attachment:
    """The coloured block under a reply's first line; ``colour`` is ``#rrggbb``."""

    colour: str
    title: str = ""
    text: str = ""
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """A button: says ``text`` in the room as the person who presses it, or opens ``url``."""

    label: str
    text: str = ""
    url: str = ""


ButtonRows = tuple[tuple[Button, ...], ...]


class RowKind(StrEnum):
    """What the colour of a row in a timeline means."""

    NEW = "new"
    KNOWN = "known"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One device; positions are fractions of the timeline, from 0 at its beginning to 1."""

    label: str
    kind: RowKind
    bars: tuple[tuple[float, float], ...]
    marks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a picture shows; ``ticks`` are positions with a label, ``more`` is a line below."""

    caption: str
    rows: tuple[TimelineRow, ...]
    ticks: tuple[tuple[float, str], ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command returns: a plain first line, at most one attachment and one picture.

    ``buttons`` stand beside the words: what they offer is said in the words, too.
    """

    text: str
    attachment: Attachment | None = None
    timeline: Timeline | None = None
    buttons: ButtonRows = ()


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message for ``chat.sendMessage``; the bot chooses ``id``, so the server refuses repeats."""

    id: str
    room_id: str
    text: str
    sent_at: datetime
    thread_id: str | None = None
    attachment: Attachment | None = None
    buttons: ButtonRows = ()


Document = Mapping[str, object]
"""A JSON object as it was received."""
