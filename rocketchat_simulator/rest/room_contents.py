"""What a room holds: its messages in pages, and its files.

Source: ``app/api/server/v1/channels.ts``, ``groups.ts`` and ``im.ts``, 6.x to 8.3;
``channels.messages`` as seen on 6.5.3.
"""

from rocketchat_simulator.rest.call import Call, Route, RouteFunction, get
from rocketchat_simulator.rest.history import find_readable
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.rest.rooms import find_direct, make_page
from rocketchat_simulator.workspace.documents import Document, copy_document
from rocketchat_simulator.workspace.uploads import Upload


def _messages(type_: str) -> RouteFunction:
    """Make the route that lists all messages, the newest first, system messages too."""

    def list_messages(call: Call) -> Response | Document:
        room = find_readable(call, type_)
        found = [each for each in call.workspace.messages.of(room) if _is_wanted(call, each)]
        return make_page(call, "messages", copy_document(found[::-1]))

    return list_messages


def _is_wanted(call: Call, message: Document) -> bool:
    """Return whether a message is one that ``mentionIds``, ``starredIds`` and ``pinned`` want."""
    for name, field in (("mentionIds", "mentions"), ("starredIds", "starred")):
        wanted = set(filter(None, call.params.get(name, "").split(",")))
        if wanted and wanted.isdisjoint(row["_id"] for row in message.get(field, ())):
            return False
    return call.params.get("pinned", "").lower() != "true" or bool(message.get("pinned"))


def _files(type_: str) -> RouteFunction:
    def list_files(call: Call) -> Response | Document:
        room = find_direct(call) or find_readable(call, type_)
        wanted = call.params.get("name", "").casefold()
        found = [
            each for each in call.workspace.uploads.of(room) if wanted in each.file.name.casefold()
        ]
        return make_page(call, "files", [_format_upload(each) for each in found])

    return list_files


def _format_upload(upload: Upload) -> Document:
    """Return a file as the list has it (``addUserToFileObj.ts``)."""
    file = upload.file
    shown: Document = {
        "_id": upload.id,
        "name": file.name,
        "type": file.type,
        "rid": upload.room.id,
    }
    shown |= {"size": len(file.content), "userId": upload.user.id, "path": upload.url}
    shown |= {"typeGroup": file.type.partition("/")[0], "complete": True, "progress": 1}
    shown |= {"uploading": False, "uploadedAt": upload.uploaded_at, "url": upload.url}
    return shown | {"user": upload.user.as_author()}


ROUTES: tuple[Route, ...] = (
    get("channels.messages", _messages("c")),
    get("groups.messages", _messages("p")),
    get("channels.files", _files("c")),
    get("groups.files", _files("p")),
    get("im.files", _files("d")),
    get("dm.files", _files("d")),
)
