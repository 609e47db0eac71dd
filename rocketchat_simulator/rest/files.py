"""Downloads of uploaded files: ``/file-upload/<id>/<name>``, outside of the API.

The settings ``FileUpload_ProtectFiles`` and ``FileUpload_Restrict_to_room_members`` are on, which
is harder for a client: only members may download, with their token in headers, query or cookies
(server source ``app/file-upload/server/lib/FileUpload.ts``, 5.x).
"""

from aiohttp import web

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace


class FileDownloads:
    """Serves the files of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def serve(self, request: web.Request) -> web.Response:
        """Return a file; raise HTTPNotFound or HTTPForbidden."""
        upload = self._workspace.uploads.find(request.match_info["id"])
        if upload is None:
            raise web.HTTPNotFound
        caller = self._find_caller(request)
        if caller is None or not upload.room.is_readable_by(caller):
            raise web.HTTPForbidden
        headers = {"Cache-Control": "max-age=31536000", "X-Content-Type-Options": "nosniff"}
        file = upload.file
        return web.Response(body=file.content, content_type=file.type, headers=headers)

    def _find_caller(self, request: web.Request) -> User | None:
        credentials = (
            (request.headers.get("X-User-Id"), request.headers.get("X-Auth-Token")),
            (request.query.get("rc_uid"), request.query.get("rc_token")),
            (request.cookies.get("rc_uid"), request.cookies.get("rc_token")),
        )
        found = (
            self._workspace.user_of_token(token, user_id)
            for user_id, token in credentials
            if user_id and token
        )
        return next((user for user in found if user), None)
