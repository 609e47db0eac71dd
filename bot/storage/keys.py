"""The keys that seal tokens: where they come from and what they are called."""

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.errors import ConfigError

KEY_SIZE: Final = 32  # bytes: AES-256
_HOW_TO: Final = "make one with: openssl rand -base64 32 | tr '+/' '-_'"


class KeyRing:
    """Several keys by their ids: the first seals, all of them open. Its repr shows ids only."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {make_key_id(key): key for key in keys}
        self.sealing_id: Final = make_key_id(keys[0])

    def find(self, key_id: bytes) -> bytes | None:
        """Give the key of that id."""
        return self._keys.get(key_id)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key_id.hex() for key_id in self._keys)})"


def make_key_id(key: bytes) -> bytes:
    """Four bytes that name a key: derived, so that nobody can give two keys one name."""
    return hashlib.sha256(b"key id" + key).digest()[:4]


def load_key_ring(
    keys: Sequence[SecretStr], key_file: Path | None, *, is_creation_allowed: bool
) -> KeyRing:
    """Give the keys of the configuration, or else of the file, which is made where allowed.

    Raises ConfigError, which names the setting and never a key.
    """
    if keys:
        return KeyRing([_parse_key(k.get_secret_value(), "[vault] keys") for k in keys])
    if key_file is None:
        raise ConfigError(f"[vault] keys: a key to seal tokens with is missing; {_HOW_TO}")
    try:
        return _read_key_file(key_file)
    except FileNotFoundError:
        if not is_creation_allowed:
            raise ConfigError(f"[vault] key_file: {key_file} is missing; restore it") from None
    _make_key_file(key_file)
    return _read_key_file(key_file)


def _parse_key(text: str, source: str) -> bytes:
    try:
        padded = text.strip() + "=" * (-len(text.strip()) % 4)
        key = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        key = b""
    if len(key) != KEY_SIZE:
        raise ConfigError(f"{source}: not the base64url form of {KEY_SIZE} bytes; {_HOW_TO}")
    return key


def _read_key_file(path: Path) -> KeyRing:
    source = f"[vault] key_file: {path}"
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_shared(os.fstat(file.fileno()), path)
            lines = file.read().splitlines()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigError(f"{source} cannot be read: {reason}") from None
    keys = [
        _parse_key(line, f"{source} line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not keys:
        raise ConfigError(f"{source} holds no key; {_HOW_TO}")
    return KeyRing(keys)


def _refuse_shared(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.geteuid():
        raise ConfigError(f"[vault] key_file: {path} belongs to another user; chown it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"[vault] key_file: others may read it; run: chmod 600 {path}")


def _make_key_file(path: Path) -> None:
    """Write a new key beside the place and link it there: whole or not at all, the first wins."""
    text = "# Seals the tokens people lent the bot. Without it they must all connect again.\n"
    text += base64.urlsafe_b64encode(secrets.token_bytes(KEY_SIZE)).decode() + "\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_private(draft, text)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    except OSError as error:
        reason = error.strerror
        raise ConfigError(f"[vault] key_file: {path} cannot be made: {reason}") from error
    finally:
        draft.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
