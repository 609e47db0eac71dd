"""The keys that seal tokens, and what they are called."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Final

from bot.errors import ConfigError

KEY_SIZE: Final = 32  # bytes: AES-256
HOW_TO: Final = "make one with: openssl rand -base64 32 | tr '+/' '-_'"


class KeyRing:
    """Several keys by their ids: the first seals, all of them open. Its repr shows ids only."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {make_key_id(key): key for key in keys}
        self.sealing_id: Final = make_key_id(keys[0])

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of all keys, the sealing one first."""
        return tuple(self._keys)

    def find(self, key_id: bytes) -> bytes | None:
        """Give the key of that id."""
        return self._keys.get(key_id)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key_id.hex() for key_id in self._keys)})"


def make_key_id(key: bytes) -> bytes:
    """Four bytes that name a key: derived, so that nobody can give two keys one name."""
    return hashlib.sha256(b"key id" + key).digest()[:4]


def parse_key(text: str, source: str) -> bytes:
    """Read the base64url form of a key; raise ConfigError, which names ``source`` only."""
    try:
        padded = text.strip() + "=" * (-len(text.strip()) % 4)
        key = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        key = b""
    if len(key) != KEY_SIZE:
        raise ConfigError(f"{source}: not the base64url form of {KEY_SIZE} bytes; {HOW_TO}")
    return key
