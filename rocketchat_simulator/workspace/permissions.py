"""The permissions of each role in a new workspace, of roles in a room too.

Source: ``app/authorization/server/constant/permissions.ts``, 8.3.
"""

from collections.abc import Iterable
from typing import Final

_USER: Final = frozenset(
    {
        "create-personal-access-tokens",
        "create-c",
        "create-d",
        "create-p",
        "delete-own-message",
        "mention-all",
        "mention-here",
        "preview-c-room",
        "view-c-room",
        "view-d-room",
    }
)
_BOT: Final = frozenset(
    {
        "api-bypass-rate-limit",
        "send-many-messages",
        "message-impersonate",
        "create-c",
        "create-d",
        "create-p",
        "view-c-room",
        "view-d-room",
    }
)


_MODERATOR: Final = frozenset(
    {
        "add-user-to-joined-room",
        "delete-message",
        "edit-message",
        "edit-room",
        "mention-all",
        "mention-here",
        "pin-message",
        "post-readonly",
        "remove-user",
    }
)
_OWNER: Final = _MODERATOR | {
    "archive-room",
    "delete-c",
    "delete-p",
    "force-delete-message",
    "unarchive-room",
}
_BY_ROLE: Final = {
    "user": _USER,
    "bot": _BOT,
    "app": _BOT,
    "moderator": _MODERATOR,
    "owner": _OWNER,
}
_NOT_OF_ADMINS: Final = frozenset({"message-impersonate"})


def has_permission(roles: Iterable[str], permission: str) -> bool:
    """Return whether one of the roles has the permission; admins have nearly all."""
    return any(
        permission in _BY_ROLE.get(role, ())
        or (role == "admin" and permission not in _NOT_OF_ADMINS)
        for role in roles
    )
