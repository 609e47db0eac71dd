"""The two implementations of the realtime API: Meteor, and the microservice ddp-streamer.

Meteor (the monolith) is as seen on 6.5.3 and 8.3. ddp-streamer follows the server's source
(``ee/apps/ddp-streamer/src``: ``Client.ts``, ``Server.ts``, ``configureServer.ts``,
``DDPStreamer.ts``, and ``ee/apps/account-service/src/Account.ts``, as of 8.x); none was recorded.
"""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.realtime.frames import Frame
from rocketchat_simulator.workspace.versions import Version

_FIRST_WITH_MSG: Final = (8, 0)


@dataclass(frozen=True, slots=True)
class Flavour:
    """The behaviour of one implementation where the two differ; times are in seconds."""

    ping_after: float
    pong_within: float
    timeout_code: int
    """The close code for a client that did not answer a ping."""
    pings_immediately: bool
    """The first ping comes after a thousandth of the interval, if nothing was received."""
    bad_json_code: int | None
    """The close code for text that is not JSON; None sends an error frame instead."""
    malformed_code: int | None
    """The same for a frame without id, method or name, and for any before ``connect``."""
    reports_unknown_frames: bool
    """An unknown frame or a second ``connect`` gets an error frame; else it is ignored."""
    checks_protocol_version: bool
    """``connect`` with an unknown version gets ``failed``; else it gets ``connected``."""
    confirms_unknown_unsub: bool
    """``unsub`` with an unknown id gets ``nosub``, too."""
    ignores_repeated_sub: bool
    """``sub`` with an id that is in use is ignored; else it makes a second subscription."""
    has_session_uuid: bool
    sends_result_first: bool
    """A method's ``result`` comes before its ``updated``."""
    own_methods: tuple[str, ...]
    """Prefixes of methods that it runs itself; others without a result get a 404."""
    accepts_password_login: bool
    logout_code: int | None
    """The close code after a logout; None keeps the connection."""
    closes_on_token_revocation: bool
    """A revoked token closes its connections; else only a session's logout does."""


MONOLITH: Final = Flavour(
    ping_after=15.0,
    pong_within=15.0,
    timeout_code=1000,
    pings_immediately=False,
    bad_json_code=None,
    malformed_code=None,
    reports_unknown_frames=True,
    checks_protocol_version=True,
    confirms_unknown_unsub=True,
    ignores_repeated_sub=True,
    has_session_uuid=False,
    sends_result_first=False,
    own_methods=(),
    accepts_password_login=True,
    logout_code=None,
    closes_on_token_revocation=True,
)
STREAMER: Final = Flavour(
    ping_after=30.0,
    pong_within=30.0,
    timeout_code=4000,
    pings_immediately=True,
    bad_json_code=1007,
    malformed_code=1002,
    reports_unknown_frames=False,
    checks_protocol_version=False,
    confirms_unknown_unsub=False,
    ignores_repeated_sub=False,
    has_session_uuid=True,
    sends_result_first=True,
    own_methods=("login", "logout", "stream-"),
    accepts_password_login=False,
    logout_code=1002,
    closes_on_token_revocation=False,
)


def make_greeting(version: Version) -> Frame:
    """Return ddp-streamer's first frame; which version first has ``msg`` is not known exactly."""
    msg = {"msg": "server_id"} if version.number >= _FIRST_WITH_MSG else {}
    return {**msg, "server_id": "0"}
