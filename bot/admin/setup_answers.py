"""What ``session-bot init`` has found out, and the configuration file that it writes."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.config import OAuthSettings
from bot.errors import ConfigError
from bot.models import AuthToken

DEFAULT_PORT: Final = 8080
DEFAULT_STORAGE: Final = "sqlite:///session-bot.db"
_FIRST_LINE: Final = "# Written by session-bot init; config.example.toml explains every setting.\n"


@dataclass(frozen=True, slots=True)
class SetupAnswers:
    """The settings to write; an empty ``room`` or OAuth client id is left out."""

    url: str
    token: AuthToken
    public_url: str
    port: int = DEFAULT_PORT
    storage: str = DEFAULT_STORAGE
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    room: str = ""

    def format(self) -> str:
        """Return the configuration as TOML; it contains secrets."""
        oauth = {
            "client_id": self.oauth.client_id,
            "client_secret": self.oauth.client_secret.get_secret_value(),
        }
        sections: dict[str, dict[str, str | int]] = {
            "workspace": {
                "url": self.url,
                "user_id": self.token.user_id,
                "auth_token": self.token.secret.get_secret_value(),
            },
            "oauth": {**oauth} if self.oauth.client_id else {},
            "web": {"public_url": self.public_url, "port": self.port},
            # Left out, it is with a service's data where the file is used by systemd.
            "storage": {"url": self.storage} if self.storage != DEFAULT_STORAGE else {},
            "status_report": {"room": self.room} if self.room else {},
        }
        return _FIRST_LINE + "".join(
            f"\n[{section}]\n"
            + "".join(f"{name} = {_format_value(value)}\n" for name, value in values.items())
            for section, values in sections.items()
            if values
        )


def _format_value(value: str | int) -> str:
    # What JSON escapes TOML escapes alike, but for characters beyond 16 bits.
    return json.dumps(value, ensure_ascii=False)


def is_taken(file: Path) -> bool:
    """Return whether there is something at that path already."""
    return file.exists()


def check_writable(file: Path) -> None:
    """Raise ConfigError where the file could not be written; nothing stays behind."""
    _make_draft(file, "").unlink()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; raise ConfigError."""
    draft = _make_draft(file, text)
    try:
        draft.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _make_draft(file: Path, text: str) -> Path:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    return draft
