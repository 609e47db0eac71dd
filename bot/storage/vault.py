"""The vault: tokens are sealed before they are stored, each for one user and one purpose."""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from bot.errors import ConfigError, SealBrokenError

KEY_SIZE: Final = 32  # bytes: AES-256
KEY_ADVICE: Final = "make one with: openssl rand -base64 32 | tr '+/' '-_'"


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
        """Return the key of that id."""
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
        raise ConfigError(f"{source}: not the base64url form of {KEY_SIZE} bytes; {KEY_ADVICE}")
    return key


_VERSION: Final = b"\x01"
_ID_END: Final = 5  # one byte of version, four of key id
_NONCE_END: Final = _ID_END + 12
_TAG_SIZE: Final = 16


class Vault:
    """Seals secrets with AES-256-GCM so that they open in the same place only.

    Sealed: version (1 byte), key id (4), nonce (12), ciphertext with tag. The workspace, the
    user and the purpose are authenticated with it: copied to another row, it does not open.
    ``read_changed_keys`` is called before each use, and returns None where the keys are the same.
    """

    def __init__(
        self,
        keys: KeyRing,
        workspace: str,
        read_changed_keys: Callable[[], KeyRing | None] = lambda: None,
    ) -> None:
        self._keys = keys
        self._workspace = workspace
        self._read_changed_keys: Final = read_changed_keys
        self._ciphers: dict[bytes, AESGCM] = {}

    def seal(self, plaintext: SecretStr, *, user_id: str, purpose: str) -> bytes:
        """Seal the secret with the first key."""
        self._update_keys()
        head = _VERSION + self._keys.sealing_id
        nonce = os.urandom(_NONCE_END - _ID_END)
        sealed = self._find_cipher(head).encrypt(
            nonce,
            plaintext.get_secret_value().encode(),
            _make_associated(head, self._workspace, user_id, purpose),
        )
        return head + nonce + sealed

    def open(self, sealed: bytes, *, user_id: str, purpose: str) -> SecretStr:
        """Open what was sealed for the same user and purpose, or raise SealBrokenError."""
        if len(sealed) < _NONCE_END + _TAG_SIZE or not sealed.startswith(_VERSION):
            raise SealBrokenError("A sealed token is cut short or of an unknown format.")
        self._update_keys()
        head, nonce, rest = sealed[:_ID_END], sealed[_ID_END:_NONCE_END], sealed[_NONCE_END:]
        associated = _make_associated(head, self._workspace, user_id, purpose)
        try:
            return SecretStr(self._find_cipher(head).decrypt(nonce, rest, associated).decode())
        except InvalidTag as error:
            raise SealBrokenError("A sealed token was altered or is somebody else's.") from error

    def _update_keys(self) -> None:
        if (keys := self._read_changed_keys()) is not None:
            self._keys, self._ciphers = keys, {}

    def _find_cipher(self, head: bytes) -> AESGCM:
        key_id = head[len(_VERSION) :]
        if (cipher := self._ciphers.get(key_id)) is not None:
            return cipher
        key = self._keys.find(key_id)
        if key is None:
            raise SealBrokenError(f"A token was sealed with the key {key_id.hex()}, now missing.")
        return self._ciphers.setdefault(key_id, AESGCM(key))


def _make_associated(head: bytes, *parts: str) -> bytes:
    """Join the parts, each after its length: no two lists of parts give the same bytes."""
    encoded = [part.encode() for part in parts]
    return head + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
