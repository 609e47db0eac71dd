"""Files that people put into rooms, in two steps: stored for a day, kept once they are said.

Source: ``app/api/server/v1/rooms.ts``, 7.x, and ``app/file-upload/server``, 8.x; the answers for a
text file as seen on 8.3. Thumbnails and previews, which the server makes of pictures, are left out.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from rocketchat_simulator.workspace.documents import Document, make_object_id
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.messages import Messages
from rocketchat_simulator.workspace.models import Room, User

_KEPT: Final = timedelta(hours=24)
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SIZE: Final = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class File:
    """What a client sends."""

    name: str
    type: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Upload:
    """A stored file; ``expires_at`` is missing once it is said."""

    id: str
    room: Room
    file: File
    expires_at: datetime | None

    @property
    def url(self) -> str:
        """Where it can be had, by those who may read the room."""
        return f"/file-upload/{self.id}/{quote(self.file.name)}"


class Uploads:
    """The files of all rooms. ``is_enabled`` is the setting ``FileUpload_Enabled``."""

    def __init__(self, messages: Messages, now: Callable[[], datetime]) -> None:
        self._messages: Final = messages
        self._now: Final = now
        self._uploads: Final[dict[str, Upload]] = {}
        self.is_enabled = True

    def receive(self, room: Room, file: File) -> Upload:
        """Store a file for a day; raise RefusedError where files are not wanted."""
        if not self.is_enabled:
            raise RefusedError("File uploads are disabled.", "error-file-upload-disabled")
        now = self._now()
        upload = Upload(make_object_id(now), room, file, now + _KEPT)
        self._uploads[upload.id] = upload
        return upload

    def find(self, upload_id: str) -> Upload | None:
        """Find a file that is still there."""
        found = self._uploads.get(upload_id)
        is_there = found and (found.expires_at is None or found.expires_at > self._now())
        return found if is_there else None

    def confirm(self, user: User, upload: Upload, fields: Document) -> Document:
        """Say a file in its room, each time anew, and keep it; return the message.

        ``fields`` may hold ``msg``, ``tmid`` and ``description``.
        """
        described = _describe(upload)
        message = self._messages.say(
            user,
            upload.room,
            str(fields.get("msg") or ""),
            thread_id=fields.get("tmid"),
            attachments=[_attach(upload, fields)],
            file=described,
            files=[described],
            groupable=False,
        )
        upload.expires_at = None
        return message


def _describe(upload: Upload) -> Document:
    file, size = upload.file, _measure(upload.file)
    group, _, kind = file.type.partition("/")
    described: Document = {"_id": upload.id, "name": file.name, "type": file.type}
    described |= {"size": len(file.content), "format": kind if size else ""}
    return described | {"typeGroup": group}


def _attach(upload: Upload, fields: Document) -> Document:
    file, size = upload.file, _measure(upload.file)
    attached: Document = {"title": file.name, "title_link": upload.url}
    attached |= {"title_link_download": True, "type": "file", "fileId": upload.id}
    if fields.get("description"):
        attached["description"] = fields["description"]
    if not file.type.startswith("image/"):
        kind = file.name.rpartition(".")[2].upper()
        return attached | {"format": kind, "size": len(file.content)}
    attached |= {"image_url": upload.url, "image_type": file.type}
    attached |= {"image_size": len(file.content)}
    return attached | ({"image_dimensions": size} if size else {})


def _measure(file: File) -> Document | None:
    if not file.content.startswith(_PNG):
        return None
    width, height = _SIZE.unpack_from(file.content, 16)
    return {"width": width, "height": height}
