"""The permissions of each role in a new workspace.

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


def has_permission(roles: Iterable[str], permission: str) -> bool:
    """Return whether one of the roles has the permission; admins have all."""
    return any(
        role == "admin"
        or (role == "user" and permission in _USER)
        or (role in {"bot", "app"} and permission in _BOT)
        for role in roles
    )
