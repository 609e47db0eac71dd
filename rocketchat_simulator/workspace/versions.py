"""The differences between the simulated server versions.

6.5 and 8.3 follow recordings of 6.5.3 and of 8.3 (development tree of March 2026). 8.8 is 8.3 with
the changes that the server's source of 8.7 and 8.8 shows. 7.7 follows the source of 7.7.1 in
licence, authentication, rate limit, attachments and archived rooms; the rest was not read and is as
on 8.3, or as on 6.5 where that is harder for a client.
"""

from dataclasses import dataclass, replace
from typing import Final

VersionNumber = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Version:
    """The behaviour of one server version.

    ``label`` is what ``GET /api/info`` returns, ``number`` the same to compare.
    """

    label: str
    number: VersionNumber
    # Sessions.
    hides_session_secrets: bool
    """``sessions/info`` returns chosen fields instead of the stored document."""
    marks_current_session: bool
    has_empty_ip: bool
    """A login without a proxy's header is stored with ``ip: ""``; before, without ``ip``."""
    announces_logout: bool
    """A session's logout sends ``force_logout`` to its user's stream before the close."""
    # Messages.
    duplicate_id_error: str
    """The JavaScript error text when a message's id is used a second time."""
    checks_attachments: bool
    fills_attachment_ts: bool
    hides_new_attachments: bool
    """The response to a send without ``_id`` omits the attachments, which are stored."""
    rejects_archived_room: bool
    rejects_empty_message: bool
    links_addresses: bool
    """URLs with an IP address, as ``http://127.0.0.1``, are links in the parsed text."""
    # Rooms.
    concatenates_direct_ids: bool
    rejects_unknown_names: bool
    """``im.create`` refuses unknown usernames; later versions skip them."""
    has_custom_fields: bool
    repeats_usernames: bool
    """``rooms-changed`` has a direct message's ``_USERNAMES`` too."""
    reaction_changes_room: bool
    publishes_root_first: bool
    # Authentication.
    has_new_oauth_library: bool
    """OAuth 2 of 7.4 and later: tokens of 64 characters; a code verifier is refused."""
    accepts_bearer: bool
    """The REST API accepts access tokens; between 7.5 and 7.13 it ignored them."""
    skips_login_check: bool
    """With anonymous reading on, no call is refused because it has no token."""
    trusts_user_id_header: bool
    """With anonymous reading on, ``X-User-Id`` alone names the caller, without a token."""
    checks_licence_first: bool
    """The licence is checked before authentication, so callers without a token see it."""
    # REST calls.
    is_limited: bool
    """The REST rate limit is in force; between 7.5 and 7.8 it was not."""
    has_typed_routes: bool
    """Query parameters are checked before the rate limit, with another error type."""
    has_lowercase_limit_headers: bool
    send_limit: tuple[int, float] | None
    """Calls and seconds for ``chat.sendMessage``; None is the default limit."""

    @property
    def is_before_7(self) -> bool:
        """Whether this is 6.x, with its error bodies, order of checks and unknown routes."""
        return self.number < (7, 0)


_V6_5: Final = Version(
    label="6.5",
    number=(6, 5),
    hides_session_secrets=False,
    marks_current_session=False,
    has_empty_ip=False,
    announces_logout=False,
    duplicate_id_error="Cannot read property 'starred' of undefined",
    checks_attachments=False,
    fills_attachment_ts=True,
    hides_new_attachments=False,
    rejects_archived_room=False,
    rejects_empty_message=False,
    links_addresses=False,
    concatenates_direct_ids=True,
    rejects_unknown_names=True,
    has_custom_fields=True,
    repeats_usernames=False,
    reaction_changes_room=True,
    publishes_root_first=False,
    has_new_oauth_library=False,
    accepts_bearer=True,
    skips_login_check=True,
    trusts_user_id_header=False,
    checks_licence_first=False,
    is_limited=True,
    has_typed_routes=False,
    has_lowercase_limit_headers=False,
    send_limit=None,
)
_V8_3: Final = Version(
    label="8.3",
    number=(8, 3),
    hides_session_secrets=False,
    marks_current_session=False,
    has_empty_ip=True,
    announces_logout=True,
    duplicate_id_error="Cannot read properties of undefined (reading 'starred')",
    checks_attachments=True,
    fills_attachment_ts=False,
    hides_new_attachments=True,
    rejects_archived_room=True,
    rejects_empty_message=False,
    links_addresses=True,
    concatenates_direct_ids=False,
    rejects_unknown_names=False,
    has_custom_fields=False,
    repeats_usernames=True,
    reaction_changes_room=False,
    publishes_root_first=True,
    has_new_oauth_library=True,
    accepts_bearer=True,
    skips_login_check=False,
    trusts_user_id_header=False,
    checks_licence_first=False,
    is_limited=True,
    has_typed_routes=False,
    has_lowercase_limit_headers=True,
    send_limit=None,
)
_V7_7: Final = replace(
    _V8_3,
    label="7.7",
    number=(7, 7),
    announces_logout=False,
    checks_attachments=False,
    fills_attachment_ts=True,
    rejects_archived_room=False,
    concatenates_direct_ids=True,
    accepts_bearer=False,
    skips_login_check=True,
    trusts_user_id_header=True,
    checks_licence_first=True,
    is_limited=False,
)
_V8_8: Final = replace(
    _V8_3,
    label="8.8",
    number=(8, 8),
    hides_session_secrets=True,
    has_typed_routes=True,
    marks_current_session=True,
    rejects_empty_message=True,
    send_limit=(5, 1.0),
)

VERSIONS: Final = {version.label: version for version in (_V6_5, _V7_7, _V8_3, _V8_8)}


def version_of(label: str) -> Version:
    """Return a version's behaviour; raise KeyError if it is not simulated."""
    return VERSIONS[label]
