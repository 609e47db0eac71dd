"""Uploaded files, in two steps: stored for a day, then posted in a message and kept.

Source: ``app/api/server/v1/rooms.ts``, 7.x, and ``app/file-upload/server``, 8.x; the responses for
a text file as seen on 8.3. The server's thumbnails and previews of pictures are left out.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from rocketchat_simulator.workspace.documents import Document, make_object_id
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.messages import Messages
from rocketchat_simulator.workspace.models import File, Room, User
from rocketchat_simulator.workspace.settings import Settings

_UNCONFIRMED_LIFETIME: Final = timedelta(hours=24)
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_WIDTH_AND_HEIGHT: Final = struct.Struct(">II")


@dataclass(slots=True)
class Upload:
    """A stored file; ``expires_at`` is None once it was posted."""

    id: str
    room: Room
    file: File
    user: User
    uploaded_at: datetime
    expires_at: datetime | None

    @property
    def url(self) -> str:
        """The path of the file, for those who may read the room."""
        return f"/file-upload/{self.id}/{quote(self.file.name)}"


class Uploads:
    """The files of all rooms."""

    def __init__(self, messages: Messages, settings: Settings, now: Callable[[], datetime]) -> None:
        self._messages: Final = messages
        self._settings: Final = settings
        self._now: Final = now
        self._uploads: Final[dict[str, Upload]] = {}

    @property
    def is_enabled(self) -> bool:
        """The setting ``FileUpload_Enabled``."""
        return bool(self._settings["FileUpload_Enabled"])

    @is_enabled.setter
    def is_enabled(self, is_enabled: bool) -> None:
        self._settings["FileUpload_Enabled"] = is_enabled

    def receive(self, user: User, room: Room, file: File) -> Upload:
        """Store a file for a day; raise RefusedError if uploads are disabled."""
        if not self.is_enabled:
            raise RefusedError("File uploads are disabled.", "error-file-upload-disabled")
        now = self._now()
        expires_at = now + _UNCONFIRMED_LIFETIME
        upload = Upload(make_object_id(now), room, file, user, now, expires_at)
        self._uploads[upload.id] = upload
        return upload

    def find(self, upload_id: str) -> Upload | None:
        """Find a file that has not expired."""
        found = self._uploads.get(upload_id)
        is_stored = found and (found.expires_at is None or found.expires_at > self._now())
        return found if is_stored else None

    def of(self, room: Room) -> list[Upload]:
        """Return the files of a room that have not expired, by name."""
        found = [each for each in map(self.find, self._uploads) if each and each.room is room]
        return sorted(found, key=lambda upload: upload.file.name)

    def confirm(self, user: User, upload: Upload, fields: Document) -> Document:
        """Post a new message with a file in its room, and keep the file; return the message.

        ``fields`` may have ``msg``, ``tmid`` and ``description``.
        """
        description = _describe(upload)
        message = self._messages.say(
            user,
            upload.room,
            str(fields.get("msg") or ""),
            thread_id=fields.get("tmid"),
            attachments=[_make_attachment(upload, fields)],
            file=description,
            files=[description],
            groupable=False,
        )
        upload.expires_at = None
        return message


def _describe(upload: Upload) -> Document:
    file, size = upload.file, _read_png_size(upload.file)
    group, _, kind = file.type.partition("/")
    description: Document = {"_id": upload.id, "name": file.name, "type": file.type}
    description |= {"size": len(file.content), "format": kind if size else ""}
    return description | {"typeGroup": group}


def _make_attachment(upload: Upload, fields: Document) -> Document:
    file, size = upload.file, _read_png_size(upload.file)
    attachment: Document = {"title": file.name, "title_link": upload.url}
    attachment |= {"title_link_download": True, "type": "file", "fileId": upload.id}
    if fields.get("description"):
        attachment["description"] = fields["description"]
    if not file.type.startswith("image/"):
        kind = file.name.rpartition(".")[2].upper()
        return attachment | {"format": kind, "size": len(file.content)}
    attachment |= {"image_url": upload.url, "image_type": file.type}
    attachment |= {"image_size": len(file.content)}
    return attachment | ({"image_dimensions": size} if size else {})


def _read_png_size(file: File) -> Document | None:
    if not file.content.startswith(_PNG_SIGNATURE):
        return None
    width, height = _WIDTH_AND_HEIGHT.unpack_from(file.content, 16)
    return {"width": width, "height": height}
