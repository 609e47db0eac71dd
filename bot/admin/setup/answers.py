"""What ``session-bot init`` has found out, as the configuration that it writes."""

import json
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from bot.config import OAuthSettings, check_url
from bot.models import AuthToken

DEFAULT_PORT: Final = 8080
DEFAULT_STORAGE: Final = "sqlite:///session-bot.db"
NO_TOKEN: Final = AuthToken("", SecretStr(""))
"""Of an account that is still to be made."""
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


def complete_url(text: str) -> str:
    """Return an address with https:// where it was left out; raise ValueError with the reason."""
    url = text.strip()
    return check_url(url if "://" in url else f"https://{url}")


def complete_storage(text: str) -> str:
    """Return the address of a database, which may be given as a file's path, or not at all."""
    if not text:
        return DEFAULT_STORAGE
    return text if ":" in text else f"sqlite:///{text}"
