"""Files for rooms, in the two steps that the workspace has since about 6.10.

``rooms.media`` takes the file, ``rooms.mediaConfirm`` says it in the room (server source
``app/api/server/v1/rooms.ts``, 7.x; both answers seen on 8.3). The message of the second step gets
an id of the server's, and confirming twice says it twice: there is no telling, after a doubtful
end, whether to do it again. So nothing here is ever done again.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from bot.errors import ProtocolError
from bot.models import AuthToken, Document
from bot.rocketchat.requests import RequestExecutor
from bot.rocketchat.transport import File


class Uploads:
    """Says pictures, with the bot's own token."""

    def __init__(self, calls: RequestExecutor, token: AuthToken, *, is_background: bool) -> None:
        self._calls: Final = calls
        self._token: Final = token
        self._is_background: Final = is_background

    async def post_picture(
        self, room_id: str, png: bytes, caption: str, thread_id: str | None = None
    ) -> None:
        """Say a picture in a room, at most once; raises WorkspaceError where it may not have been.

        A workspace that has no such routes ends in ProtocolError, one that takes no files in
        RefusedError.
        """
        file = File("devices.png", "image/png", png)
        answer = await self._write("v1/rooms.media", f"/{quote(room_id, safe='')}", file)
        stored = answer.get("file")
        file_id = stored.get("_id") if isinstance(stored, Mapping) else None
        if not isinstance(file_id, str) or not file_id:
            raise ProtocolError("rooms.media: no file in the answer")
        tail = f"/{quote(room_id, safe='')}/{quote(file_id, safe='')}"
        body = {"msg": caption} | ({"tmid": thread_id} if thread_id else {})
        await self._write("v1/rooms.mediaConfirm", tail, body)

    async def _write(self, route: str, tail: str, content: Document | File) -> Document:
        return await self._calls.write_at(
            route, tail, self._token, content, is_background=self._is_background
        )
