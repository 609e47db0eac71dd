"""Fill the demo's workspace: two users to sign in as, the bot's account, and their sessions.

IP addresses are from the ranges reserved for documentation. Ids are fixed, secrets are random.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from rocketchat_simulator.demo.devices import (
    CHROME_MAC,
    CHROME_WINDOWS,
    DESKTOP_LINUX,
    EDGE_WINDOWS,
    FIREFOX_LINUX,
    FIREFOX_WINDOWS,
    IPAD,
    MOBILE_APP,
    SCRIPT,
)
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace

EXAMPLE_SESSION_ID: Final = "QoYYFw2t9oKks2niG"
"""Alice's oldest session, which is the example in Rocket.Chat's documentation."""

_HOST: Final = "chat.example.org"


@dataclass(frozen=True, slots=True)
class DemoPeople:
    """The demo's accounts; ``bot_token`` is the bot's personal access token."""

    alice: User
    bob: User
    bot: User
    bot_token: str = field(repr=False)

    @property
    def visitors(self) -> tuple[User, ...]:
        """The users that a visitor of the demo can sign in as."""
        return (self.alice, self.bob)


@dataclass(frozen=True, slots=True)
class _PastSession:
    """A session; ``started`` and ``ended`` are how long ago, ``ended`` is None while connected."""

    id: str
    device: Document
    ip: str | None
    started: timedelta
    ended: timedelta | None = None
    is_logged_out: bool = False
    token_name: str = ""


_ALICE: Final = (
    _PastSession(
        "hQ7rXk2Zs9TtYw3Ab", FIREFOX_WINDOWS, "203.0.113.7", timedelta(hours=3, minutes=12)
    ),
    _PastSession("Wm4pLzJ8cRdEoXv6T", DESKTOP_LINUX, "203.0.113.10", timedelta(days=1, hours=2)),
    _PastSession(
        "gT5nKa9QyHsB3wFzi",
        MOBILE_APP,
        "198.51.100.23",
        timedelta(days=4, hours=5),
        timedelta(hours=19, minutes=4),
    ),
    _PastSession(
        "Zr8uDe6MxCjP2vNqY",
        CHROME_MAC,
        "198.51.100.4",
        timedelta(days=6, hours=1),
        timedelta(days=5, hours=22),
    ),
    _PastSession(
        "b3HfWt7SoGk4LpRaX",
        CHROME_MAC,
        "198.51.100.4",
        timedelta(days=13, hours=3),
        timedelta(days=12, hours=20),
    ),
    _PastSession(
        "yJ6vQc2EnTmZ9dAiB",
        CHROME_MAC,
        "198.51.100.4",
        timedelta(days=20, hours=7),
        timedelta(days=20, hours=1),
    ),
    _PastSession(
        "Kd9sRf4WuXo7NgLhE",
        SCRIPT,
        "10.20.0.15",
        timedelta(days=8),
        timedelta(days=7, hours=23, minutes=58),
        token_name="nightly backup",  # noqa: S106 - its name, no secret
    ),
    _PastSession(
        "pC2mYb8JtHq5zSvGw",
        IPAD,
        "192.0.2.61",
        timedelta(days=11, hours=9),
        timedelta(days=9, hours=14),
    ),
    _PastSession(
        "Xa7kPi3FrDe6BuMnT",
        EDGE_WINDOWS,
        None,
        timedelta(days=16, hours=4),
        timedelta(days=15, hours=21),
    ),
    _PastSession(
        "oL4wGz9CyQs8RjKtH",
        FIREFOX_LINUX,
        "192.0.2.44",
        timedelta(days=2, hours=6),
        timedelta(days=2, hours=1),
        is_logged_out=True,
    ),
)

_BOB: Final = (
    _PastSession("Nf5tEx2AmWd7YcPuL", CHROME_WINDOWS, "192.0.2.18", timedelta(hours=5, minutes=40)),
    _PastSession(
        "sB9iJh6ZkRo3QgTvF",
        MOBILE_APP,
        "203.0.113.88",
        timedelta(days=3, hours=2),
        timedelta(hours=8),
    ),
    _PastSession(
        "Mw7aSd4XeCn8LzHpK",
        FIREFOX_WINDOWS,
        "192.0.2.18",
        timedelta(days=17),
        timedelta(days=16, hours=18),
    ),
)


def seed(workspace: Workspace) -> DemoPeople:
    """Fill an empty workspace for the demo."""
    add = workspace.add_user
    alice = add("alice", "Alice Example", language="en", utc_offset=0)
    bob = add("bob", "Bob Beispiel", language="de", utc_offset=1)
    bot = add("sessions", "Sessions", roles=("user", "bot"))
    general = workspace.make_channel("general", (alice, bob, bot))
    workspace.direct_room(alice, bot)
    workspace.direct_room(bob, bot)
    _post_conversation(workspace, general, alice, bob)
    _open_example_session(workspace, alice)
    for owner, sessions in ((alice, _ALICE), (bob, _BOB)):
        for past in sessions:
            _open_session(workspace, owner, past)
    token = workspace.make_personal_access_token(bot, "session bot")
    return DemoPeople(alice, bob, bot, token)


def _post_conversation(workspace: Workspace, room: Room, alice: User, bob: User) -> None:
    start = workspace.now() - timedelta(days=1, hours=2)
    messages = (
        (0, bob, "Morning! The projector in the *big room* works again."),
        (3, alice, "Oh good. Who repaired it?"),
        (4, bob, "Nobody. It was the _other_ cable :)"),
        (50, alice, "Did you also get a mail about a new login? Mine says Firefox on Linux."),
        (53, bob, "Not me. There is a bot now that can tell you: write to Sessions."),
    )
    for minutes, author, text in messages:
        moment = start + timedelta(minutes=minutes)
        workspace.say(author, room, text, ts=moment)


def _open_example_session(workspace: Workspace, alice: User) -> None:
    started = datetime(2023, 5, 23, 16, 33, 45, 202_000, UTC)
    workspace.open_session(
        alice,
        session_id=EXAMPLE_SESSION_ID,
        token=workspace.make_login_token(alice, made_at=started),
        device=CHROME_WINDOWS,
        ip="172.20.0.2",
        host="localhost:3000",
        login_at=started,
    )
    ended = datetime(2023, 5, 23, 17, 56, 31, 599_000, UTC)
    workspace.close_session(EXAMPLE_SESSION_ID, at=ended)


def _open_session(workspace: Workspace, owner: User, past: _PastSession) -> None:
    started = workspace.now() - past.started
    token = _make_token(workspace, owner, past, started)
    row = workspace.open_session(
        owner,
        session_id=past.id,
        token=token,
        device=past.device,
        ip=past.ip,
        host=_HOST,
        login_at=started,
    )
    if past.ended is not None:
        ended = workspace.now() - past.ended
        workspace.close_session(past.id, at=ended)
        if past.is_logged_out:
            workspace.revoke_token(token)
            row |= {"logoutAt": ended, "logoutBy": owner.id}


def _make_token(workspace: Workspace, owner: User, past: _PastSession, started: datetime) -> str:
    if past.token_name:
        return workspace.make_personal_access_token(owner, past.token_name)
    return workspace.make_login_token(owner, made_at=started)
