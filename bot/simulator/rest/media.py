"""Files for rooms: ``rooms.media`` stores one, ``rooms.mediaConfirm`` says it."""

from bot.simulator.documents import Document, copy_document
from bot.simulator.refusals import RefusedError
from bot.simulator.rest.answers import Answer, make_failure
from bot.simulator.rest.call import Call, Route, post
from bot.simulator.rooms import Room

_HIDDEN = {"unread", "mentions", "channels", "groupable"}


def _store(call: Call) -> Answer | Document:
    room = _find_room(call)
    if room is None:
        return make_failure(403, "unauthorized")
    if call.file is None:
        raise RefusedError("", "invalid-field")
    upload = call.workspace.uploads.receive(room, call.file)
    return {"file": {"_id": upload.id, "url": upload.url}}


def _confirm(call: Call) -> Answer | Document:
    if _find_room(call) is None:
        return make_failure(403, "unauthorized")
    upload = call.workspace.uploads.find(call.path[1])
    if upload is None or upload.room.id != call.path[0]:
        raise RefusedError("", "invalid-file")
    said = call.workspace.uploads.confirm(call.user, upload, call.body)
    shown = {key: value for key, value in said.items() if key not in _HIDDEN}
    return {"message": copy_document(shown)}


def _find_room(call: Call) -> Room | None:
    room = call.workspace.find_room(call.path[0])
    return room if room and room.is_readable_by(call.user) else None


ROUTES: tuple[Route, ...] = (
    post("rooms.media/:rid", _store),
    post("rooms.mediaConfirm/:rid/:fileId", _confirm),
)
