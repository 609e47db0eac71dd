"""Uploads to rooms: ``rooms.media`` stores a file, ``rooms.mediaConfirm`` posts it.

Before 8.0 ``rooms.upload`` does both (server source ``app/api/server/v1/rooms.ts``, 7.x).
"""

from typing import Final

from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document, copy_document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import File, Room

_OMITTED_FIELDS = {"unread", "mentions", "channels", "groupable"}


def _store(call: Call) -> Response | Document:
    room = _find_room(call)
    if room is None:
        return make_failure(403, "unauthorized")
    upload = call.workspace.uploads.receive(call.user, room, _find_file(call))
    return {"file": {"_id": upload.id, "url": upload.url}}


def _confirm(call: Call) -> Response | Document:
    if _find_room(call) is None:
        return make_failure(403, "unauthorized")
    upload = call.workspace.uploads.find(call.path[1])
    checks_user = call.workspace.version.number >= _FIRST_WITHOUT_UPLOAD
    is_foreign = upload is not None and checks_user and upload.user is not call.user
    if upload is None or upload.room.id != call.path[0] or is_foreign:
        raise RefusedError("", "invalid-file")
    message = call.workspace.uploads.confirm(call.user, upload, call.body)
    shown = {key: value for key, value in message.items() if key not in _OMITTED_FIELDS}
    return {"message": copy_document(shown)}


def _upload(call: Call) -> Response | Document:
    """Store a file and post it at once, as clients did before 8.0."""
    room = _find_room(call)
    if room is None:
        return make_failure(403, "unauthorized")
    upload = call.workspace.uploads.receive(call.user, room, _find_file(call))
    message = call.workspace.uploads.confirm(call.user, upload, call.body)
    return {"message": copy_document(message)}


def _find_file(call: Call) -> File:
    """Return the only file of the form; raise RefusedError otherwise (as seen on 8.3)."""
    content_type = call.headers.get("Content-Type", "").partition(";")[0]
    names_type = call.workspace.version.number >= _FIRST_WITHOUT_UPLOAD
    if names_type and content_type != "multipart/form-data":
        raise RefusedError(f"Unsupported content type: {content_type}")
    if len(call.files) > 1:
        raise RefusedError("Too many files", "error-too-many-files")
    if call.file is None:
        raise RefusedError("", "invalid-field")
    return call.file


def _find_room(call: Call) -> Room | None:
    room = call.workspace.find_room(call.path[0])
    return room if room and room.is_readable_by(call.user) else None


_FIRST_WITH_MEDIA: Final = (6, 10)

_FIRST_WITHOUT_UPLOAD: Final = (8, 0)

ROUTES: tuple[Route, ...] = (
    Route("POST", "rooms.upload/:rid", _upload, until=_FIRST_WITHOUT_UPLOAD),
    Route("POST", "rooms.media/:rid", _store, since=_FIRST_WITH_MEDIA),
    Route("POST", "rooms.mediaConfirm/:rid/:fileId", _confirm, since=_FIRST_WITH_MEDIA),
)
