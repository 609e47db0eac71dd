"""``session-bot init`` without options: asks questions, and checks each answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from pydantic import SecretStr

from bot.admin.checks.result import make_problem
from bot.admin.setup.answers import (
    DEFAULT_PORT,
    DEFAULT_STORAGE,
    NO_TOKEN,
    SetupAnswers,
    complete_storage,
    complete_url,
)
from bot.admin.setup.checks import SetupChecks
from bot.admin.setup.config_file import is_taken, write_configuration
from bot.admin.setup.workspace import DEFAULT_USERNAME, TOKEN_BY_HAND, WorkspaceSetup
from bot.config import OAuthSettings
from bot.errors import ConfigError
from bot.models import AuthToken

T = TypeVar("T")
_NONE: Final = "-"
_MAX_PORT: Final = 65535
_CODE_QUESTIONS: Final = {
    "password": "The administrator's password, which Rocket.Chat wants as a second factor",
    "email": "The code that Rocket.Chat has sent to the administrator by e-mail",
}


@dataclass(frozen=True, slots=True)
class Prompter:
    """The terminal: ``ask`` takes a question and the default, ``ask_secret`` shows no input."""

    ask: Callable[[str, str], str]
    ask_secret: Callable[[str], str]
    confirm: Callable[[str], bool]
    print: Callable[[str], None]


class SetupWizard:
    """Asks again, with what is wrong, until the checks succeed; the same answer twice is kept."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter: Final = prompter
        self._checks: Final = SetupChecks(prompter.print)
        self._setup: WorkspaceSetup | None = None

    async def run(self, file: Path) -> bool:
        """Ask and write the file; return whether it was written.

        Raises ConfigError where it cannot be written.
        """
        if is_taken(file) and not self._prompter.confirm(f"{file} exists. Replace it?"):
            self._prompter.print(f"{file} was not changed.")
            return False
        ask = partial(self._ask_all, file.parent)
        return await write_configuration(file, ask, self._prompter.print)

    async def _ask_all(self, folder: Path) -> SetupAnswers:
        checks = self._checks
        url = await self._ask_until_right(self._ask_url, checks.check_workspace)
        token = await self._ask_token(url)
        port = await self._ask_until_right(self._ask_port, checks.check_port)
        public_url = await self._ask_until_right(
            partial(self._ask_public_url, port), checks.check_public_url
        )
        storage = await self._ask_until_right(
            self._ask_storage, lambda answer: checks.check_storage(answer, folder)
        )
        oauth = await self._ask_oauth(url, public_url)
        room = await self._ask_until_right(
            self._ask_room, lambda answer: checks.check_room(url, token, answer)
        )
        return SetupAnswers(url, token, public_url, port, storage, oauth, room)

    async def _ask_until_right(
        self, ask: Callable[[], T | None], check: Callable[[T], Awaitable[bool]]
    ) -> T:
        """Ask until an answer is right, or is given again; None is an answer that cannot work."""
        refused: T | None = None
        while True:
            answer = ask()
            if answer is None:
                continue
            if answer == refused or await check(answer):
                return answer
            self._prompter.print("Correct the answer, or give the same again to keep it.")
            refused = answer

    def _refuse(self, subject: str, reason: str) -> None:
        self._checks.show(make_problem(subject, reason))

    def _ask_url(self) -> str | None:
        return self._parse_url(self._prompter.ask("URL of the Rocket.Chat server", ""))

    def _ask_public_url(self, port: int) -> str | None:
        default = f"http://localhost:{port}"
        answer = self._prompter.ask("URL at which people's browsers reach the bot", default)
        return self._parse_url(answer)

    def _parse_url(self, answer: str) -> str | None:
        try:
            return complete_url(answer)
        except ValueError as error:
            self._refuse("url", str(error))
            return None

    def _ask_port(self) -> int | None:
        question = "Port on which the bot listens, on this machine only"
        answer = self._prompter.ask(question, str(DEFAULT_PORT)).strip()
        if answer.isascii() and answer.isdigit() and 0 < int(answer) <= _MAX_PORT:
            return int(answer)
        self._refuse("port", f"a port is a number from 1 to {_MAX_PORT}")
        return None

    def _ask_storage(self) -> str:
        question = "Database: a file, or postgresql://user@host/name"
        return complete_storage(self._prompter.ask(question, DEFAULT_STORAGE).strip())

    def _ask_room(self) -> str:
        question = f"Room for the bot's daily status report ({_NONE} for none)"
        room = self._prompter.ask(question, _NONE).strip()
        return "" if room == _NONE else room

    async def _ask_token(self, url: str) -> AuthToken:
        self._prompter.print(
            "The bot has an account of its own, with the roles user and bot. If there is one,"
            f" {TOKEN_BY_HAND}. Else init can make it, with an administrator's token."
        )

        def ask() -> AuthToken | None:
            user_id = self._prompter.ask(f"User id of the bot ({_NONE} to have it made)", _NONE)
            if user_id.strip() == _NONE:
                return NO_TOKEN
            secret = self._prompter.ask_secret("Its personal access token").strip()
            return AuthToken(user_id.strip(), SecretStr(secret))

        async def check(token: AuthToken) -> bool:
            return token == NO_TOKEN or await self._checks.check_token(url, token)

        token = await self._ask_until_right(ask, check)
        return await self._make_account(url) if token == NO_TOKEN else token

    async def _make_account(self, url: str) -> AuthToken:
        async def make() -> AuthToken:
            user_id = self._prompter.ask("Administrator's user id", "").strip()
            secret = self._prompter.ask_secret("Administrator's personal access token").strip()
            token = AuthToken(user_id, SecretStr(secret))
            username = self._prompter.ask("User name of the bot", DEFAULT_USERNAME).strip()
            self._setup = WorkspaceSetup(url, token, self._ask_code, self._prompter.print, username)
            made = await self._setup.make_account()
            await self._checks.check_token(url, made)
            return made

        return await self._make_or_ask(make, "account", lambda: self._ask_token(url))

    async def _make_or_ask(
        self, make: Callable[[], Awaitable[T]], subject: str, ask: Callable[[], Awaitable[T]]
    ) -> T:
        """Make something in the workspace; where it refuses, say why and ask."""
        try:
            return await make()
        except ConfigError as error:
            self._refuse(subject, str(error))
            return await ask()

    def _ask_code(self, method: str) -> SecretStr | None:
        question = _CODE_QUESTIONS.get(method, "The code of the administrator's second factor")
        code = self._prompter.ask_secret(f"{question} ({_NONE} for none)").strip()
        return SecretStr(code) if code != _NONE else None

    async def _ask_oauth(self, url: str, public_url: str) -> OAuthSettings:
        setup = self._setup
        question = "Register the bot for OAuth, so that people connect with a button?"
        if setup is None or not self._prompter.confirm(question):
            return await self._ask_client(url, public_url)

        return await self._make_or_ask(
            lambda: setup.register_app(public_url),
            "oauth",
            lambda: self._ask_client(url, public_url),
        )

    async def _ask_client(self, url: str, public_url: str) -> OAuthSettings:
        def ask() -> OAuthSettings | None:
            question = f"Client id of the bot's OAuth application ({_NONE} for none)"
            client_id = self._prompter.ask(question, _NONE).strip()
            if client_id == _NONE:
                return OAuthSettings()
            secret = self._prompter.ask_secret("Its client secret").strip()
            if not (client_id and secret):
                self._refuse("oauth", "the client id and the client secret go together")
                return None
            return OAuthSettings(client_id=client_id, client_secret=SecretStr(secret))

        return await self._ask_until_right(
            ask, lambda oauth: self._checks.check_oauth(url, oauth, public_url)
        )
