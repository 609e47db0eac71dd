"""``session-bot init``: asks a few questions, checks each answer, and writes a configuration."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.admin.check_network import check_https
from bot.admin.check_result import CheckResult, Level, make_problem
from bot.admin.check_workspace import (
    check_forged_tokens,
    check_licence,
    check_listening,
    check_login,
    check_reach,
    check_roles,
    check_room,
)
from bot.config import check_url
from bot.errors import ConfigError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client

_FIRST_LINE: Final = "# Written by session-bot init; config.example.toml explains every setting.\n"
_NO_ROOM: Final = "-"


@dataclass(frozen=True, slots=True)
class Prompter:
    """The terminal: ``ask`` takes a question and the default, ``ask_secret`` shows no input."""

    ask: Callable[[str, str], str]
    ask_secret: Callable[[str], str]
    confirm: Callable[[str], bool]
    print: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SetupAnswers:
    """What the operator answered."""

    url: str
    token: AuthToken
    public_url: str
    room: str

    def format(self) -> str:
        """Return the configuration as TOML; it contains the token."""
        sections = {
            "workspace": {
                "url": self.url,
                "user_id": self.token.user_id,
                "auth_token": self.token.secret.get_secret_value(),
            },
            "web": {"public_url": self.public_url},
            "status_report": {"room": self.room} if self.room else {},
        }
        return _FIRST_LINE + "".join(
            f"\n[{section}]\n"
            + "".join(f"{name} = {json.dumps(text)}\n" for name, text in values.items())
            for section, values in sections.items()
            if values
        )


class SetupWizard:
    """Asks again until the checks succeed, or the operator keeps the answer anyway.

    ``timeout_s`` limits each request of a check.
    """

    def __init__(self, prompter: Prompter, timeout_s: float) -> None:
        self._prompter: Final = prompter
        self._timeout_s: Final = timeout_s

    async def run(self, file: Path) -> bool:
        """Ask and write the file; return whether it was written.

        Raises ConfigError where it cannot be written.
        """
        if not self._may_write(file):
            self._prompter.print(f"{file} was not changed.")
            return False
        url = await self._ask_url()
        token = await self._ask_token(url)
        public_url = await self._ask_public_url()
        room = await self._ask_room(url, token)
        write_private(file, SetupAnswers(url, token, public_url, room).format())
        self._prompter.print(
            f"Written to {file}. Only you can read it, because it contains the bot's token."
        )
        self._prompter.print(f"Next: session-bot check --config {file}")
        return True

    def _may_write(self, file: Path) -> bool:
        return not file.exists() or self._prompter.confirm(f"{file} exists. Replace it?")

    async def _ask_url(self) -> str:
        while True:
            url = self._parse_url(self._prompter.ask("URL of the Rocket.Chat server", ""))
            if url and await self._accept(self._check_url(url)):
                return url

    async def _ask_token(self, url: str) -> AuthToken:
        self._prompter.print(
            "The bot's own account has the roles user and bot. Sign in as it and make a personal"
            " access token (profile, Personal Access Tokens); the user id is shown with it."
        )
        while True:
            user_id = self._prompter.ask("User id of the bot", "").strip()
            secret = self._prompter.ask_secret("Personal access token").strip()
            token = AuthToken(user_id, SecretStr(secret))
            if await self._accept(self._check_token(url, token)):
                return token

    async def _ask_public_url(self) -> str:
        while True:
            answer = self._prompter.ask(
                "URL at which people's browsers reach the bot", "http://localhost:8080"
            )
            url = self._parse_url(answer)
            if url and await self._accept(_check_public_url(url)):
                return url

    async def _ask_room(self, url: str, token: AuthToken) -> str:
        question = f"Room for the bot's daily status report ({_NO_ROOM} for none)"
        while True:
            room = self._prompter.ask(question, _NO_ROOM).strip()
            if room == _NO_ROOM:
                return ""
            if await self._accept(self._check_room(url, token, room)):
                return room

    def _parse_url(self, answer: str) -> str:
        """Return the URL, completed; say what is wrong with it and return "" where it is wrong."""
        try:
            return check_url(_complete_url(answer))
        except ValueError as error:
            self._prompter.print(str(make_problem("url", str(error))))
            return ""

    async def _accept(self, results: AsyncIterator[CheckResult]) -> bool:
        has_problem = False
        async for result in results:
            self._prompter.print(str(result))
            has_problem = has_problem or result.level is Level.PROBLEM
        return not has_problem or self._prompter.confirm("Keep it anyway?")

    async def _check_url(self, url: str) -> AsyncIterator[CheckResult]:
        no_token = AuthToken("", SecretStr(""))
        async with open_rest_client(url, no_token, timeout_s=self._timeout_s) as rest:
            yield (await check_reach(rest, url))[0]

    async def _check_token(self, url: str, token: AuthToken) -> AsyncIterator[CheckResult]:
        async with open_rest_client(url, token, timeout_s=self._timeout_s) as rest:
            login = await check_login(rest, token)
            yield login
            if login.level is Level.PROBLEM:
                return
            yield await check_listening(url, token, self._timeout_s)
            yield await check_roles(rest)
            yield await check_forged_tokens(rest, token)
            yield await check_licence(rest)

    async def _check_room(
        self, url: str, token: AuthToken, room: str
    ) -> AsyncIterator[CheckResult]:
        async with open_rest_client(url, token, timeout_s=self._timeout_s) as rest:
            yield await check_room(rest, room)


async def _check_public_url(url: str) -> AsyncIterator[CheckResult]:
    yield check_https(url)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; raise ConfigError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        draft.replace(file)
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _complete_url(text: str) -> str:
    """Add https:// where it was left out."""
    url = text.strip().rstrip("/")
    return url if "://" in url else f"https://{url}"
