"""What differs between the servers that are simulated.

6.5 and 8.3 follow recordings of 6.5.3 and of 8.3 (development tree of March 2026); 8.8 is 8.3
with the changes that the server's source of 8.7 and 8.8 shows. 7.7 follows the source of 7.7.1
where it was read: licence, authentication, rate limit, attachments, archived rooms. What was not
read is as on 8.3, or as on 6.5 where that is the harder case for a client.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Version:
    """One server version's behaviour; ``label`` is what ``GET /api/info`` says."""

    label: str
    major: int
    # Sessions.
    hides_session_secrets: bool
    """``sessions/info`` shows chosen fields instead of the stored document."""
    marks_current_session: bool
    has_empty_ip: bool
    """A connection without proxy header is stored with ``ip: ""``; before, without ``ip``."""
    announces_logout: bool
    """Logging a session out sends ``force_logout`` to its user's stream before the close."""
    # Messages.
    duplicate_id_error: str
    """JavaScript's complaint when a message's id is used a second time."""
    checks_attachments: bool
    fills_attachment_ts: bool
    hides_new_attachments: bool
    """The reply to a send without ``_id`` shows no attachments although they are stored."""
    rejects_archived_room: bool
    rejects_empty_message: bool
    links_addresses: bool
    """``http://127.0.0.1`` and the like count as links in the parsed text."""
    has_media: bool
    """``rooms.media`` and ``rooms.mediaConfirm``, since about 6.10."""
    # Rooms.
    concatenates_direct_ids: bool
    rejects_unknown_names: bool
    """``im.create`` with an unknown username; later versions leave the name out."""
    has_custom_fields: bool
    repeats_usernames: bool
    """``rooms-changed`` shows a direct message's ``_USERNAMES`` too."""
    reaction_changes_room: bool
    publishes_root_first: bool
    # Who calls.
    has_new_oauth_library: bool
    """OAuth 2 of 7.4 and later: tokens of 64 characters; a code verifier is refused."""
    accepts_bearer: bool
    """The REST API takes access tokens; between 7.5 and 7.13 it ignored them."""
    skips_login_check: bool
    """With anonymous reading on, no call is refused for want of a token."""
    trusts_user_id_header: bool
    """With anonymous reading on, the caller is whoever ``X-User-Id`` names, token or not."""
    checks_licence_first: bool
    """Before authentication, that is: an unlicensed workspace says so to anybody."""
    # Calls.
    is_limited: bool
    """The REST rate limit works; between 7.5 and 7.8 it did not."""
    has_typed_routes: bool
    """Query parameters are checked before the rate limit, and refused in other words."""
    has_lowercase_limit_headers: bool
    send_limit: tuple[int, float] | None
    """Calls and seconds for ``chat.sendMessage`` where they differ from the default."""

    @property
    def is_before_7(self) -> bool:
        """6.x: its bodies of failures, its order of checks, and its answers to unknown routes."""
        return self.major < 7  # noqa: PLR2004 - 7.0


_V6_5: Final = Version(
    label="6.5",
    major=6,
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
    has_media=False,
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
    major=8,
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
    has_media=True,
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
    major=7,
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
    hides_session_secrets=True,
    has_typed_routes=True,
    marks_current_session=True,
    rejects_empty_message=True,
    send_limit=(5, 1.0),
)

VERSIONS: Final = {version.label: version for version in (_V6_5, _V7_7, _V8_3, _V8_8)}


def version_of(label: str) -> Version:
    """Return a version's behaviour; raise KeyError for one that is not simulated."""
    return VERSIONS[label]
