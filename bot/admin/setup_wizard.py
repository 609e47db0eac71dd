"""``session-bot init``: a few questions, each answer tried at once, and a configuration of them."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.admin.check_result import CheckResult, Level, make_ok, make_warning
from bot.admin.check_workspace import (
    check_account,
    check_listening,
    check_login,
    check_reach,
    check_room,
    is_local,
)
from bot.errors import ConfigError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client

_HEAD: Final = "# Written by session-bot init; config.example.toml explains every setting.\n"


@dataclass(frozen=True, slots=True)
class Prompter:
    """How to talk to the operator: ask (with what Enter means), ask unseen, agree, say."""

    ask: Callable[[str, str], str]
    ask_unseen: Callable[[str], str]
    agree: Callable[[str], bool]
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the operator said."""

    url: str
    user_id: str
    token: SecretStr
    public_url: str
    room: str

    def format(self) -> str:
        """Write them as the configuration; with the token in it."""
        sections = {
            "workspace": {
                "url": self.url,
                "user_id": self.user_id,
                "auth_token": self.token.get_secret_value(),
            },
            "web": {"public_url": self.public_url},
            "report": {"room": self.room} if self.room else {},
        }
        return _HEAD + "".join(
            f"\n[{section}]\n"
            + "".join(f"{name} = {json.dumps(text)}\n" for name, text in values.items())
            for section, values in sections.items()
            if values
        )


class SetupWizard:
    """Asks until the answers hold, or the operator wants them all the same.

    ``patience`` is for one answer of the workspace, in seconds.
    """

    def __init__(self, mouth: Prompter, patience: float) -> None:
        self._mouth: Final = mouth
        self._patience: Final = patience

    async def run(self, file: Path) -> bool:
        """Ask, and write the file; false where the operator would not have it overwritten.

        Raises ConfigError where it cannot be written.
        """
        if not self._may_write(file):
            self._mouth.say(f"{file} was left as it is.")
            return False
        url = await self._ask_url()
        token = await self._ask_token(url)
        public_url = await self._ask_public_url()
        room = await self._ask_room(url, token)
        answers = Answers(url, token.user_id, token.secret, public_url, room)
        write_private(file, answers.format())
        self._mouth.say(f"Written to {file}, which only you can read: it holds the bot's token.")
        self._mouth.say(f"Next: session-bot check --config {file}")
        return True

    def _may_write(self, file: Path) -> bool:
        return not file.exists() or self._mouth.agree(f"{file} exists. Replace it?")

    async def _ask_url(self) -> str:
        while True:
            url = _complete(self._mouth.ask("Address of the Rocket.Chat server", ""))
            if await self._accept(self._try_url(url)):
                return url

    async def _ask_token(self, url: str) -> AuthToken:
        self._mouth.say(
            "The bot's own account has the roles user and bot. Sign in as it and make a personal"
            " access token (profile, Personal Access Tokens); the user id is shown with it."
        )
        while True:
            user_id = self._mouth.ask("User id of the bot", "").strip()
            secret = self._mouth.ask_unseen("Personal access token").strip()
            token = AuthToken(user_id, SecretStr(secret))
            if await self._accept(self._try_token(url, token)):
                return token

    async def _ask_public_url(self) -> str:
        while True:
            asked = self._mouth.ask(
                "Where people's browsers reach the bot", "http://localhost:8080"
            )
            url = _complete(asked)
            if await self._accept(_try_public_url(url)):
                return url

    async def _ask_room(self, url: str, token: AuthToken) -> str:
        while True:
            question = "Room for the bot's daily report about itself (- for none)"
            room = self._mouth.ask(question, "-").strip()
            if room == "-" or await self._accept(self._try_room(url, token, room)):
                return "" if room == "-" else room

    async def _accept(self, findings: AsyncIterator[CheckResult]) -> bool:
        is_well = True
        async for finding in findings:
            self._mouth.say(str(finding))
            is_well = is_well and finding.level is not Level.PROBLEM
        return is_well or self._mouth.agree("Keep it all the same?")

    async def _try_url(self, url: str) -> AsyncIterator[CheckResult]:
        nobody = AuthToken("", SecretStr(""))
        async with open_rest_client(url, nobody, timeout_s=self._patience) as rest:
            yield (await check_reach(rest, url))[0]

    async def _try_token(self, url: str, token: AuthToken) -> AsyncIterator[CheckResult]:
        async with open_rest_client(url, token, timeout_s=self._patience) as rest:
            login = await check_login(rest, token)
            yield login
            if login.level is Level.PROBLEM:
                return
            yield await check_listening(url, token, self._patience)
            async for finding in check_account(rest, token):
                yield finding

    async def _try_room(self, url: str, token: AuthToken, room: str) -> AsyncIterator[CheckResult]:
        async with open_rest_client(url, token, timeout_s=self._patience) as rest:
            yield await check_room(rest, room)


async def _try_public_url(url: str) -> AsyncIterator[CheckResult]:
    if urlsplit(url).scheme == "https" or is_local(url):
        yield make_ok("public url", url)
    else:
        words = f"{url} is not https, and people paste tokens there"
        yield make_warning("public url", words, "Put a reverse proxy with https in front")


def write_private(file: Path, text: str) -> None:
    """Write a file for its owner's eyes only, whole or not at all; raises ConfigError."""
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


def _complete(address: str) -> str:
    """Add what people leave out."""
    text = address.strip().rstrip("/")
    return text if "://" in text else f"https://{text}"
