"""The two servers that speak the realtime API: Meteor itself, and the microservice ddp-streamer.

The monolith is as seen on 6.5.3 and 8.3. ddp-streamer follows the server's source
(``ee/apps/ddp-streamer/src``: ``Client.ts``, ``Server.ts``, ``configureServer.ts``,
``DDPStreamer.ts``, and ``ee/apps/account-service/src/Account.ts``, as of 8.x); none was recorded.
"""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.realtime.frames import Frame
from rocketchat_simulator.workspace.versions import Version

_FIRST_WITH_NAMED_GREETING: Final = 8


@dataclass(frozen=True, slots=True)
class Flavour:
    """How one of the servers behaves where the two differ; times are in seconds."""

    ping_after: float
    pong_within: float
    timeout_code: int
    """What a client is closed with that answered no ping."""
    pings_immediately: bool
    """The first ping comes after a thousandth of the interval where the client says nothing."""
    bad_json_code: int | None
    """What a client is closed with; None: it gets an error frame and stays."""
    malformed_code: int | None
    """The same for a frame without id, method or name, and for one before ``connect``."""
    reports_unknown_frames: bool
    """An unknown frame, or a second ``connect``, is complained about; else there is silence."""
    checks_protocol_version: bool
    """``connect`` with an unknown version is answered ``failed``; else with ``connected``."""
    confirms_unknown_unsub: bool
    """The end of a subscription that is not there is confirmed too."""
    ignores_repeated_sub: bool
    """A subscription id that is in use is ignored; else there are two subscriptions."""
    has_session_uuid: bool
    sends_result_first: bool
    """A method's ``result`` comes before its ``updated``."""
    own_methods: tuple[str, ...]
    """Those that the server runs itself. Where others give nothing, it answers 404."""
    accepts_password_login: bool
    logout_code: int | None
    """What the client is closed with after its logout; None: it stays."""
    closes_on_token_revocation: bool
    """The end of a token closes its connections; else only a logout of the session does."""


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
    """Return ddp-streamer's first frame; since when it has a ``msg`` is not known exactly."""
    name = {"msg": "server_id"} if version.major >= _FIRST_WITH_NAMED_GREETING else {}
    return {**name, "server_id": "0"}
