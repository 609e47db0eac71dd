"""What an operator wants to know of the workspace, beside what the bot does for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.errors import NotLicensedError, RefusedError
from bot.models import AuthToken, Document
from bot.rocketchat.calls import Calls
from bot.rocketchat.sharing import Question


@dataclass(frozen=True, slots=True)
class RoomStanding:
    """A room as the bot finds it."""

    id: str
    name: str
    is_member: bool
    is_read_only: bool


class Inquiries:
    """Questions asked with the bot's own token. Everything raises WorkspaceError."""

    def __init__(self, calls: Calls, token: AuthToken) -> None:
        self._calls: Final = calls
        self._token: Final = token

    async def find_room(self, name: str) -> RoomStanding | None:
        """Find a room by its id, or by its name with or without ``#``; None without one.

        One that the bot must not see is as one that there is not: the server tells no difference.
        """
        room = await self._find("roomName", name.removeprefix("#"))
        if room is None and not name.startswith("#"):
            room = await self._find("roomId", name)
        if room is None:
            return None
        room_id = _text(room.get("_id"))
        answer = await self._ask("v1/subscriptions.getOne", roomId=room_id)
        return RoomStanding(
            id=room_id,
            name=_text(room.get("name")) or room_id,
            is_member=bool(answer.get("subscription")),
            is_read_only=room.get("ro") is True,
        )

    async def fetch_roles(self) -> frozenset[str]:
        """Give the roles of the bot's own account."""
        roles = (await self._ask("v1/me")).get("roles")
        return frozenset(map(_text, roles)) if isinstance(roles, list) else frozenset()

    async def is_licensed(self) -> bool:
        """Tell whether the workspace has device management, by looking at the bot's sessions."""
        try:
            await self._ask("v1/sessions/list", count="1")
        except NotLicensedError:
            return False
        return True

    async def fetch_redirects(self, client_id: str) -> tuple[str, ...] | None:
        """Give where the OAuth application sends people back; None where that is not shown.

        Up to 6.12 the answer holds the application's secret too, which is not looked at.
        """
        try:
            answer = await self._ask("v1/oauth-apps.get", clientId=client_id)
        except RefusedError:
            return None
        app = answer.get("oauthApp")
        addresses = _text(app.get("redirectUri")) if isinstance(app, Mapping) else ""
        return tuple(addresses.replace(",", " ").split()) or None

    async def _find(self, key: str, value: str) -> Document | None:
        try:
            room = (await self._ask("v1/rooms.info", **{key: value})).get("room")
        except RefusedError:
            return None
        return room if isinstance(room, Mapping) else None

    async def _ask(self, route: str, **query: str) -> Document:
        return await self._calls.read(Question(self._token, route, tuple(query.items())))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
