"""The permissions of a workspace: which roles have each of them.

Source of the defaults: ``app/authorization/server/constant/permissions.ts``, 8.3. Those about
teams, Omnichannel and Apps are left out.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from rocketchat_simulator.workspace.documents import Document

ROLES: Final[Mapping[str, str]] = {
    "admin": "Users",
    "anonymous": "Users",
    "app": "Users",
    "bot": "Users",
    "guest": "Users",
    "user": "Users",
    "leader": "Subscriptions",
    "moderator": "Subscriptions",
    "owner": "Subscriptions",
}
"""The roles of a new workspace, and whether each is a user's everywhere or in one room."""

_ROLES_OF: Final[Mapping[str, str]] = {
    "admin": (
        "access-permissions add-user-to-any-c-room assign-admin-role assign-roles"
        " clean-channel-history create-user delete-d delete-user edit-other-user-active-status"
        " edit-other-user-avatar edit-other-user-info edit-other-user-password"
        " edit-privileged-setting edit-room-retention-policy kick-user-from-any-c-room"
        " logout-device-management logout-other-user manage-assets manage-emoji"
        " manage-incoming-integrations manage-moderation-actions manage-oauth-apps"
        " manage-outgoing-integrations manage-own-incoming-integrations"
        " manage-own-outgoing-integrations manage-user-status unarchive-room"
        " user-generate-access-token view-device-management view-full-other-user-info"
        " view-join-code view-logs view-other-user-channels view-privileged-setting"
        " view-room-administration view-statistics view-user-administration"
    ),
    "admin anonymous app bot user": "view-c-room",
    "admin anonymous guest user": "view-p-room",
    "admin anonymous user": "preview-c-room",
    "admin app bot": "api-bypass-rate-limit join-without-join-code send-many-messages",
    "admin app bot guest user": "view-d-room",
    "admin app bot user": "create-c create-d create-p",
    "admin app bot user anonymous": "leave-c leave-p",
    "admin moderator owner": (
        "add-user-to-joined-room delete-message edit-message edit-room edit-room-avatar mute-user"
        " pin-message post-readonly remove-user view-broadcast-member-list"
    ),
    "admin moderator owner user": "mention-all mention-here view-outside-room",
    "admin owner": (
        "archive-room delete-c delete-p force-delete-message set-leader set-moderator set-owner"
        " set-react-when-readonly set-readonly"
    ),
    "admin user": "create-personal-access-tokens delete-own-message mobile-upload-file",
    "anonymous app bot guest": "view-joined-room",
    "app bot": "bypass-time-limit-edit-and-delete message-impersonate",
    "": "add-user-to-any-p-room kick-user-from-any-p-room",
}


class Permissions:
    """Which roles have which permission; only administrators have one that is not listed."""

    def __init__(self) -> None:
        self._roles: Final = {
            permission: tuple(roles.split())
            for roles, permissions in _ROLES_OF.items()
            for permission in permissions.split()
        }

    def allow(self, roles: Iterable[str], permission: str) -> bool:
        """Return whether one of the roles has the permission."""
        allowed = self._roles.get(permission, ("admin",))
        return any(role in allowed for role in roles)

    def __contains__(self, permission: str) -> bool:
        return permission in self._roles

    def set_roles(self, permission: str, roles: Collection[str]) -> None:
        """Let these roles, and no others, have a permission."""
        self._roles[permission] = tuple(roles)

    def list(self) -> list[Document]:
        """Return all permissions as documents with ``_id`` and ``roles``."""
        return [{"_id": name, "roles": list(roles)} for name, roles in self._roles.items()]
