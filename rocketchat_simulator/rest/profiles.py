"""The forms in which REST returns an account: to its owner, and to others."""

from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.versions import Version

_PREFERENCES: Final[Document] = {
    "enableAutoAway": True,
    "idleTimeLimit": 300,
    "desktopNotificationRequireInteraction": False,
    "desktopNotifications": "all",
    "pushNotifications": "all",
    "unreadAlert": True,
    "useEmojis": True,
    "convertAsciiEmoji": True,
    "autoImageLoad": True,
    "saveMobileBandwidth": True,
    "collapseMediaByDefault": False,
    "hideUsernames": False,
    "hideRoles": False,
    "hideFlexTab": False,
    "displayAvatars": True,
    "sidebarGroupByType": True,
    "themeAppearence": "auto",
    "sidebarViewMode": "medium",
    "sidebarDisplayAvatar": True,
    "sidebarShowUnread": False,
    "sidebarSortby": "activity",
    "showThreadsInMainChannel": False,
    "alsoSendThreadToChannel": "default",
    "sidebarShowFavorites": True,
    "sendOnEnter": "normal",
    "emailNotificationMode": "mentions",
    "newRoomNotification": "door",
    "newMessageNotification": "chime",
    "muteFocusedConversations": True,
    "notificationsSoundVolume": 100,
    "omnichannelTranscriptEmail": False,
    "notifyCalendarEvents": True,
    "enableMobileRinging": True,
}
_LATER_PREFERENCES: Final[Document] = {
    "desktopNotificationVoiceCalls": True,
    "masterVolume": 100,
    "voipRingerVolume": 100,
    "sidebarSectionsOrder": [
        "Incoming_Calls",
        "Incoming_Livechats",
        "Open_Livechats",
        "On_Hold_Chats",
        "Unread",
        "Favorites",
        "Teams",
        "Discussions",
        "Channels",
        "Direct_Messages",
        "Conversations",
    ],
    "featuresPreview": "[]",
}


def format_own_profile(
    user: User, version: Version, site: str, *, is_login: bool = False
) -> Document:
    """Return the account as ``me`` does, or with ``is_login`` as ``login`` does.

    ``site`` is the server's URL. On 6.5.3, ``login`` also returns the hash of the password (seen).
    """
    shown: Document = {"_id": user.id, "username": user.username, "name": user.name}
    shown |= {"emails": format_emails(user), "roles": list(user.roles)}
    shown |= {"status": user.status, "active": user.is_active, "_updatedAt": user.updated_at}
    shown |= {
        "settings": _format_settings(user, version),
        "services": _format_services(user, version),
    }
    shown |= {"avatarUrl": f"{site}/avatar/{user.username}"} | _format_optional(user)
    if user.is_installer:
        shown |= {"avatarOrigin": "none", "statusDefault": "online"}
    else:
        shown |= {"email": user.email, "requirePasswordChange": False}
    if user.has_connected:
        shown |= {"statusConnection": "online" if user.connections else "offline"}
    if user.authorized_clients:
        shown |= {"oauth": {"authorizedClients": list(user.authorized_clients)}}
    if is_login and version.is_before_7:
        shown["services"] |= {"password": {"bcrypt": "$2b$10$" + "x" * 53}}
    return shown | ({} if version.is_before_7 else {"isOAuthUser": False})


def format_new_user(user: User) -> Document:
    """Return a new account as ``users.create`` does."""
    shown: Document = {"_id": user.id, "username": user.username, "name": user.name}
    shown |= {"createdAt": user.created_at, "_updatedAt": user.updated_at, "settings": {}}
    shown |= {"emails": format_emails(user), "type": user.type, "roles": list(user.roles)}
    shown |= {"status": user.status, "active": user.is_active, "requirePasswordChange": False}
    return shown | _format_about(user) | {"__rooms": ["GENERAL"]}


def format_changed_user(user: User, version: Version) -> Document:
    """Return an account as ``users.update`` does."""
    shown = format_new_user(user)
    shown |= {} if version.is_before_7 else {"inactiveReason": None}
    shown |= {"lastLogin": user.last_login} if user.last_login else {}
    connection = "online" if user.connections else "offline"
    return shown | ({"statusConnection": connection} if user.has_connected else {})


def format_profile(user: User, viewer: User, version: Version) -> Document:
    """Return the account as ``users.info`` does; ``viewer`` may be allowed to see more."""
    sees_all = viewer is user or viewer.may("view-full-other-user-info")
    shown: Document = {"_id": user.id, "username": user.username, "name": user.name}
    shown |= {"type": user.type, "status": user.status, "active": user.is_active}
    shown |= {"canViewAllInfo": viewer.may("view-full-other-user-info")}
    shown |= _format_optional(user, is_public=True)
    shown |= _format_about(user)
    if viewer is user:
        shown["services"] = _format_services(user, version)
    if sees_all:
        shown |= {
            "createdAt": user.created_at,
            "emails": format_emails(user),
            "roles": list(user.roles),
        }
        shown |= {"requirePasswordChange": False}
        shown |= {"lastLogin": user.last_login} if user.last_login else {}
    return shown


def format_user(user: User) -> Document:
    """Return the account as lists of users contain it."""
    shown: Document = {"_id": user.id, "username": user.username, "name": user.name}
    return shown | {"status": user.status}


def format_listed_user(user: User, viewer: User) -> Document:
    """Return the account as ``users.list`` does; administrators see more."""
    shown = format_user(user) | {"active": user.is_active, "type": user.type}
    shown |= {"nameInsensitive": user.name.casefold()}
    if viewer.may("view-full-other-user-info"):
        shown |= {"emails": format_emails(user), "roles": list(user.roles)}
        shown |= {"lastLogin": user.last_login} if user.last_login else {}
    return shown


def format_presence(user: User) -> Document:
    """Return the account as ``users.presence`` does."""
    avatar = {"avatarETag": "rocketcatrocketca"} if user.id == "rocket.cat" else {}
    return format_user(user) | _format_optional(user, is_public=True) | avatar


def format_emails(user: User) -> list[Document]:
    """Return the only address of an account, as the server lists it."""
    return [{"address": user.email, "verified": user.has_verified_email and not user.is_installer}]


def _format_about(user: User) -> Document:
    told = {"bio": user.bio, "nickname": user.nickname}
    return {key: text for key, text in told.items() if text}


def _format_settings(user: User, version: Version) -> Document:
    later = not version.is_before_7
    preferences = _PREFERENCES | (_LATER_PREFERENCES if later else {})
    if user.language:
        preferences = preferences | {"language": user.language}
    return {"profile": {}, "preferences": preferences} | ({"calendar": {}} if later else {})


def _format_services(user: User, version: Version) -> Document:
    code = {"email2fa": {"enabled": True}} if user.has_email_code and version.is_before_7 else {}
    return {"password": {"exists": True}} | code


def _format_optional(user: User, *, is_public: bool = False) -> Document:
    shown: Document = {}
    if user.language and not is_public:
        shown["language"] = user.language
    if user.utc_offset is not None:
        shown["utcOffset"] = user.utc_offset
    if user.status_text is not None:
        shown["statusText"] = user.status_text
        shown |= {} if is_public else {"statusDefault": "online"}
    return shown
