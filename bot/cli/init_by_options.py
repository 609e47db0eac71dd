"""``session-bot init`` with options: asks nothing, and writes nothing where something is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.admin.setup.answers import (
    DEFAULT_PORT,
    NO_TOKEN,
    SetupAnswers,
    complete_storage,
    complete_url,
)
from bot.admin.setup.config_file import is_taken
from bot.admin.setup.unattended import set_up
from bot.admin.setup.workspace import DEFAULT_USERNAME, WorkspaceSetup
from bot.cli.init_options import STDIN, InitOptions
from bot.config import OAuthSettings
from bot.errors import ConfigError
from bot.models import AuthToken

_MAX_SECRET_BYTES: Final = 16 * 1024


async def init_by_options(options: InitOptions, echo: Callable[[str], None]) -> bool:
    """Check everything, and write the file; return whether it was written.

    Raises ConfigError where options cannot work, and where the file is there or cannot be written.
    """
    options.check_complete()
    file = options.config
    if is_taken(file) and not options.replace:
        raise ConfigError(f"{file} exists, and was not changed; --replace replaces it")
    answers = _read_answers(options)
    return await set_up(file, answers, _read_setup(options, answers.url, echo), echo)


def _read_answers(options: InitOptions) -> SetupAnswers:
    """Return the settings, with NO_TOKEN where an administrator's token makes the account."""
    port = options.port or DEFAULT_PORT
    token, oauth = NO_TOKEN, OAuthSettings()
    if options.user_id and options.token_file:
        token = AuthToken(options.user_id, _read_secret(options.token_file))
    if options.oauth_id and options.oauth_secret_file:
        secret = _read_secret(options.oauth_secret_file)
        oauth = OAuthSettings(client_id=options.oauth_id, client_secret=secret)
    return SetupAnswers(
        url=_parse_url("--workspace", options.workspace or ""),
        token=token,
        public_url=_parse_url("--public-url", options.public_url or f"http://localhost:{port}"),
        port=port,
        storage=complete_storage(options.storage or ""),
        oauth=oauth,
        room=options.room or "",
    )


def _read_setup(
    options: InitOptions, url: str, echo: Callable[[str], None]
) -> WorkspaceSetup | None:
    """Return what makes the bot's account; None without an administrator's token."""
    if not (options.admin_id and options.admin_token_file):
        return None
    codes = [_read_secret(options.admin_code_file)] if options.admin_code_file else []
    return WorkspaceSetup(
        url,
        AuthToken(options.admin_id, _read_secret(options.admin_token_file)),
        lambda _: codes.pop() if codes else None,
        echo,
        options.username or DEFAULT_USERNAME,
        options.email or "",
    )


def _parse_url(option: str, text: str) -> str:
    try:
        return complete_url(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None


def _read_secret(file: Path) -> SecretStr:
    """Return the first line of a file, or of standard input for ``-``; raise ConfigError."""
    try:
        if file == STDIN:
            text = sys.stdin.readline(_MAX_SECRET_BYTES)
        else:
            with file.open(encoding="utf-8") as opened:
                text = opened.readline(_MAX_SECRET_BYTES)
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{file} holds no text") from None
    if not (secret := text.strip()):
        raise ConfigError(f"{file} is empty")
    return SecretStr(secret)
