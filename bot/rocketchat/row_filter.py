"""Shortens long lists while they arrive, so that they are never in memory as a whole.

``rooms.get`` has no pages and brings each room with its whole last message; a page of a room's
history brings a hundred messages with all their attachments. Both may have tens of MiB, and as
Python objects several times as much.
"""

import json
import re
from collections.abc import Collection
from typing import Final

from bot.rocketchat.wire import parse_document

_MAX_ROW_BYTES: Final = 2**20
"""Far above any room and any message that a person types."""
_ROW_DEPTH: Final = 2  # an object in an array in the object that is the document
# A string, a bracket, or the beginning of a string whose end has not arrived.
_MARKS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]]|"', re.DOTALL)
_FIRST_ROW: Final = (b"{", b"[")
_CLOSING: Final = (b"}", b"]")


class RowFilter:
    """Keeps of each row only some keys, and nothing of a row that is too long.

    A row is an object in an array in the document, as in ``{"update": [row, …], …}``. All else
    is kept as it is, also where it is no JSON.
    """

    def __init__(self, keys: Collection[str], max_row_bytes: int = _MAX_ROW_BYTES) -> None:
        self._keys: Final = keys
        self._max_row_bytes: Final = max_row_bytes
        self._document = bytearray()
        self._pending = bytearray()  # what has arrived and is not in the document yet
        self._scanned = 0  # bytes of it
        self._depth = 0
        self._is_in_list = False

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the document."""
        self._pending += piece
        row_start, copied, end = 0, 0, len(self._pending)
        for mark in _MARKS.finditer(self._pending, self._scanned):
            token = mark[0]
            if token == b'"':
                end = mark.start()
                break
            if token in _FIRST_ROW:
                if self._depth == _ROW_DEPTH - 1:
                    self._is_in_list = token == b"["
                elif token == b"{" and self._is_in_list and self._depth == _ROW_DEPTH:
                    row_start = mark.start()
                    self._document += self._pending[copied:row_start]
                    copied = row_start
                self._depth += 1
            elif token in _CLOSING:
                self._depth -= 1
                if token == b"}" and self._is_in_list and self._depth == _ROW_DEPTH:
                    self._document += self._shorten(bytes(self._pending[row_start : mark.end()]))
                    copied = mark.end()
        if self._depth <= _ROW_DEPTH or not self._is_in_list:
            self._document += self._pending[copied:end]
            copied = end
        del self._pending[:copied]
        self._scanned = end - copied

    def finish(self) -> bytes:
        """Return the document, which may be no JSON, with its rows shortened."""
        return bytes(self._document + self._pending)

    def __len__(self) -> int:
        """Return how many bytes are kept so far."""
        return len(self._document) + len(self._pending)

    def _shorten(self, row: bytes) -> bytes:
        if len(row) > self._max_row_bytes:
            return b"null"
        document = parse_document(row)
        if document is None:
            return row
        kept = {key: document[key] for key in self._keys if key in document}
        return json.dumps(kept, separators=(",", ":")).encode()
