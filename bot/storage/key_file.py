"""Where keys come from: the configuration, or else a file that is watched."""

import base64
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from bot.errors import ConfigError
from bot.storage.private_file import open_draft
from bot.storage.vault import KEY_ADVICE, KEY_SIZE, KeyRing, make_key_id, parse_key

_FIRST_LINE: Final = (
    "# Seals the tokens that people gave the bot. Without it they must all connect again.\n"
)
_WHERE_FROM: Final = (
    "restore it, or copy it from another machine on the same database;"
    " where nobody has connected yet, make it with: session-bot keys new"
)


def load_key_ring(
    keys: Sequence[SecretStr], key_file: Path | None, *, is_creation_allowed: bool
) -> KeyRing:
    """Return the keys of the configuration, or else of the file, which is made where allowed.

    Raises ConfigError, which names the setting and never a key.
    """
    if keys:
        return KeyRing([parse_key(k.get_secret_value(), "[vault] keys") for k in keys])
    if key_file is None:
        raise ConfigError(f"[vault] keys: a key to seal tokens with is missing; {KEY_ADVICE}")
    try:
        return read_key_file(key_file)
    except FileNotFoundError:
        if not is_creation_allowed:
            raise ConfigError(f"[vault] key_file: {key_file} is missing; {_WHERE_FROM}") from None
    make_key_file(key_file)
    return read_key_file(key_file)


def read_key_file(path: Path) -> KeyRing:
    """Read the keys; raise ConfigError, and FileNotFoundError where there is no file."""
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
        parse_key(line, f"{source} line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not keys:
        raise ConfigError(f"{source} holds no key; {KEY_ADVICE}")
    return KeyRing(keys)


def _refuse_shared(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.geteuid():
        raise ConfigError(f"[vault] key_file: {path} belongs to another user; chown it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"[vault] key_file: others may read it; run: chmod 600 {path}")


def add_key(path: Path) -> bytes:
    """Put a new key before those in the file, and return its id: from now on it seals.

    Raises ConfigError. A bot that runs notices the change by itself.
    """
    key = secrets.token_bytes(KEY_SIZE)
    try:
        with _only_one_writer(path.parent):
            read_key_file(path)
            with open_draft(path, _write_key(key) + path.read_text(encoding="utf-8")) as draft:
                draft.replace(path)
    except FileNotFoundError:
        raise ConfigError(f"[vault] key_file: {path} is missing; {_WHERE_FROM}") from None
    except OSError as error:
        raise ConfigError(f"[vault] key_file: {path}: {error.strerror}") from error
    return make_key_id(key)


def watch_key_file(path: Path) -> Callable[[], KeyRing | None]:
    """Return a function that returns the keys if the file has changed since its last call.

    It returns None for an unchanged file, and for one that cannot be read, which is logged once.
    """
    log = structlog.get_logger("keys")
    last = _fingerprint(path)

    def read_changed_keys() -> KeyRing | None:
        nonlocal last
        now = _fingerprint(path)
        if now == last:
            return None
        last = now
        try:
            ring = read_key_file(path)
        except (FileNotFoundError, ConfigError) as error:
            is_gone = isinstance(error, FileNotFoundError)
            problem = f"{path} is gone; restore it" if is_gone else str(error)
            log.error("the key file has become useless", problem=problem)  # noqa: TRY400 - known
            return None
        log.info("the key file has changed", sealing_key=ring.sealing_id.hex())
        return ring

    return read_changed_keys


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def _only_one_writer(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_key(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode() + "\n"


def make_key_file(path: Path) -> bool:
    """Make a file with a new key, whole or not at all.

    Returns false, and changes nothing, where a file is there. Raises ConfigError.
    """
    try:
        with open_draft(path, _FIRST_LINE + _write_key(secrets.token_bytes(KEY_SIZE))) as draft:
            path.hardlink_to(draft)
    except FileExistsError:
        return False
    except OSError as error:
        reason = error.strerror
        raise ConfigError(f"[vault] key_file: {path} cannot be made: {reason}") from error
    return True
