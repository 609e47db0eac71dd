"""Where files of rooms can be had: ``/file-upload/<id>/<name>``, outside of the API.

With ``FileUpload_ProtectFiles`` and ``FileUpload_Restrict_to_room_members`` on, which is the harder
case: for members only, who say who they are by headers, in the query or by cookies (server source
``app/file-upload/server/lib/FileUpload.ts``, 5.x).
"""

from aiohttp import web

from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace


class Files:
    """Serves them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
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
        given = (
            (request.headers.get("X-User-Id"), request.headers.get("X-Auth-Token")),
            (request.query.get("rc_uid"), request.query.get("rc_token")),
            (request.cookies.get("rc_uid"), request.cookies.get("rc_token")),
        )
        found = (
            self._workspace.user_of_token(token, user_id)
            for user_id, token in given
            if user_id and token
        )
        return next((user for user in found if user), None)
