"""The pictures of users and rooms: ``/avatar/<name>``, outside of the API.

Source: ``server/routes/avatar``, 6.x to 8.x. Everybody may see them: the setting
``Accounts_AvatarBlockUnauthenticatedAccess`` is taken as off.
"""

import hashlib
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from rocketchat_simulator.workspace.workspace import Workspace

_COLOURS: Final = ("#F44336", "#E91E63", "#9C27B0", "#3F51B5", "#009688", "#FF9800", "#795548")
_SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200"{size}>'
    '<rect width="100%" height="100%" fill="{colour}"/>'
    '<text x="50%" y="50%" dy="0.36em" text-anchor="middle" fill="#ffffff" font-size="125"'
    ' font-family="Helvetica, Arial, sans-serif">{letter}</text></svg>'
)


class Avatars:
    """Serves the uploaded pictures of users, and for all others the first letter of the name."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def serve(self, request: web.Request) -> web.Response:
        """Return a picture; ``@name`` and names that nobody has get a letter, too."""
        name = request.match_info["name"]
        user = self._workspace.find_user_by_name(name)
        if user is not None and user.avatar is not None:
            file = user.avatar
            return web.Response(body=file.content, content_type=file.type)
        size = request.query.get("size", "")
        svg = _draw_initial(name.removeprefix("@"), size if size.isdecimal() else "")
        return web.Response(text=svg, content_type="image/svg+xml")


def _draw_initial(name: str, size: str) -> str:
    number = hashlib.sha256(name.encode()).digest()[0]
    return _SVG.format(
        colour=_COLOURS[number % len(_COLOURS)],
        letter=escape(name[:1].upper() or "?"),
        size=f' width="{size}" height="{size}"' if size else "",
    )
