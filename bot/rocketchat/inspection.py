"""Requests that only the operator's checks and status report need, with the bot's own token.

Every function may raise any ``WorkspaceError``.
"""

from dataclasses import dataclass

from bot.errors import NotLicensedError, RefusedError
from bot.models import Document
from bot.rocketchat.client import RestClient
from bot.rocketchat.wire import parse_array, parse_object, parse_text


@dataclass(frozen=True, slots=True)
class RoomAccess:
    """A room and what the bot may do there."""

    id: str
    name: str
    is_member: bool
    is_read_only: bool


async def find_room(rest: RestClient, name: str) -> RoomAccess | None:
    """Return a room by its id, or by its name with or without ``#``; None if there is none.

    The server does not tell a room that the bot must not see from one that does not exist. Sends
    up to three requests.
    """
    room = await _fetch_room(rest, "roomName", name.removeprefix("#"))
    if room is None and not name.startswith("#"):
        room = await _fetch_room(rest, "roomId", name)
    if room is None:
        return None
    room_id = parse_text(room.get("_id"))
    found = await rest.read("v1/subscriptions.getOne", {"roomId": room_id})
    return RoomAccess(
        id=room_id,
        name=parse_text(room.get("name")) or room_id,
        is_member=bool(found.get("subscription")),
        is_read_only=room.get("ro") is True,
    )


async def fetch_roles(rest: RestClient) -> frozenset[str]:
    """Return the roles of the bot's own account."""
    roles = (await rest.read("v1/me", {})).get("roles")
    return frozenset(map(parse_text, parse_array(roles)))


async def has_device_management(rest: RestClient) -> bool:
    """Return whether the workspace has device management, by requesting the bot's sessions."""
    try:
        await rest.read("v1/sessions/list", {"count": "1"})
    except NotLicensedError:
        return False
    return True


async def fetch_redirect_uris(rest: RestClient, client_id: str) -> tuple[str, ...] | None:
    """Return the redirect URIs of an OAuth application; None if the bot may not see them.

    Up to 6.12 the response also has the application's secret, which is ignored.
    """
    try:
        document = await rest.read("v1/oauth-apps.get", {"clientId": client_id})
    except RefusedError:
        return None
    uris = parse_text(parse_object(document.get("oauthApp")).get("redirectUri"))
    return tuple(uris.replace(",", " ").split()) or None


async def _fetch_room(rest: RestClient, key: str, value: str) -> Document | None:
    try:
        room = (await rest.read("v1/rooms.info", {key: value})).get("room")
    except RefusedError:
        return None
    return parse_object(room) or None
