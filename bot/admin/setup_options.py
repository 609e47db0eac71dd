"""``session-bot init`` with options: asks nothing, and writes nothing where something is wrong."""

import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.admin.checks.result import CheckResult, Level, make_ok, make_warning
from bot.admin.setup_answers import (
    DEFAULT_PORT,
    DEFAULT_STORAGE,
    SetupAnswers,
    check_writable,
    is_taken,
    write_private,
)
from bot.admin.setup_checks import (
    NOT_THE_ANSWERS_FAULT,
    SetupChecks,
    complete_storage,
    complete_url,
)
from bot.admin.setup_wizard import DEFAULT_USERNAME, print_end
from bot.admin.workspace_setup import WorkspaceSetup
from bot.config import OAuthSettings
from bot.errors import ConfigError
from bot.models import AuthToken

_STDIN: Final = Path("-")
_MAX_SECRET_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """What the command line gave; secrets are in files, and ``-`` is standard input.

    With ``admin_id`` and ``admin_token_file`` the account is made, and the OAuth application too
    unless ``oauth_id`` names one.
    """

    workspace: str = ""
    user_id: str = ""
    token_file: Path | None = None
    public_url: str = ""
    port: int = DEFAULT_PORT
    storage: str = DEFAULT_STORAGE
    room: str = ""
    oauth_id: str = ""
    oauth_secret_file: Path | None = None
    admin_id: str = ""
    admin_token_file: Path | None = None
    admin_code_file: Path | None = None
    username: str = DEFAULT_USERNAME
    email: str = ""
    is_replacing: bool = False

    def check_complete(self) -> None:
        """Raise ConfigError where options are missing, or contradict each other."""
        has_bot = bool(self.user_id and self.token_file)
        has_admin = bool(self.admin_id and self.admin_token_file)
        problems = {
            "--workspace is missing": not self.workspace,
            "give either --user-id and --token-file, the bot's own, or --admin-id and"
            " --admin-token-file, with which its account is made": has_bot is has_admin,
            "--oauth-id and --oauth-secret-file go together": (
                bool(self.oauth_id) is not bool(self.oauth_secret_file)
            ),
            "only one secret can come from standard input": self._files.count(_STDIN) > 1,
        }
        if found := [problem for problem, is_so in problems.items() if is_so]:
            raise ConfigError("; ".join(found))

    @property
    def _files(self) -> list[Path | None]:
        own = [self.token_file, self.oauth_secret_file]
        return [*own, self.admin_token_file, self.admin_code_file]


@dataclass(eq=False, slots=True)
class SetupByOptions:
    """Writes a configuration from options; ``timeout_s`` limits each request of a check.

    ``echo`` prints a line.
    """

    options: SetupOptions
    echo: Callable[[str], None]
    timeout_s: float
    _has_problem: bool = field(default=False, init=False)

    async def run(self, file: Path) -> bool:
        """Check everything, and write the file; return whether it was written.

        Raises ConfigError where options cannot work, and where the file is there or cannot be
        written.
        """
        options = self.options
        options.check_complete()
        if is_taken(file) and not options.is_replacing:
            raise ConfigError(f"{file} exists, and was not changed; --replace replaces it")
        check_writable(file)
        found = await self._find_answers(file)
        if found is None:
            self.echo(f"{file} was not written.")
            return False
        write_private(file, found.format())
        print_end(self.echo, file)
        return True

    async def _find_answers(self, file: Path) -> SetupAnswers | None:
        """Return the settings; None where a check has found a problem."""
        options, checks = self.options, SetupChecks(self.timeout_s)
        url = _parse_url("--workspace", options.workspace)
        public_url = _parse_url(
            "--public-url", options.public_url or f"http://localhost:{options.port}"
        )
        storage, oauth = complete_storage(options.storage), _read_oauth(options)
        # First what needs no token: nothing is made in the workspace for a mistake elsewhere.
        await self._show(checks.check_workspace(url))
        await self._show(checks.check_port(options.port))
        await self._show(checks.check_public_url(public_url))
        await self._show(checks.check_storage(storage, file.parent))
        if oauth.client_id and not self._has_problem:
            await self._show(checks.check_oauth(url, oauth, public_url))
        if self._has_problem:
            return None
        token, oauth = await self._find_token(url, public_url, oauth)
        await self._show(checks.check_token(url, token))
        if options.room and not self._has_problem:
            await self._show(checks.check_room(url, token, options.room))
        if self._has_problem and not options.admin_id:
            return None
        return SetupAnswers(url, token, public_url, options.port, storage, oauth, options.room)

    async def _find_token(
        self, url: str, public_url: str, oauth: OAuthSettings
    ) -> tuple[AuthToken, OAuthSettings]:
        """Return the bot's token and application, which an administrator's token makes."""
        options = self.options
        if options.token_file:
            return AuthToken(options.user_id, read_secret(options.token_file)), oauth
        if options.admin_token_file is None:
            raise ConfigError("there is no token")
        administrator = AuthToken(options.admin_id, read_secret(options.admin_token_file))
        codes = [read_secret(options.admin_code_file)] if options.admin_code_file else []
        setup = WorkspaceSetup(
            url, administrator, lambda _: codes.pop() if codes else None, self.timeout_s
        )
        token = await setup.make_account(options.username, options.email)
        self.echo(str(make_ok("account", f"made {options.username}, and its token")))
        if not oauth.client_id:
            # The account is there: the file must be written all the same.
            try:
                oauth = await setup.register_app(public_url)
                self.echo(str(make_ok("oauth", "registered the application Session bot")))
            except ConfigError as error:
                self.echo(str(make_warning("oauth", str(error))))
        return token, oauth

    async def _show(self, results: AsyncIterator[CheckResult]) -> None:
        async for result in results:
            self.echo(str(result))
            is_fault = result.level is Level.PROBLEM
            self._has_problem |= is_fault and result.subject not in NOT_THE_ANSWERS_FAULT


def read_secret(file: Path) -> SecretStr:
    """Return the first line of a file, or of standard input for ``-``; raise ConfigError."""
    try:
        if file == _STDIN:
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


def _parse_url(option: str, text: str) -> str:
    try:
        return complete_url(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None


def _read_oauth(options: SetupOptions) -> OAuthSettings:
    if options.oauth_secret_file is None:
        return OAuthSettings()
    secret = read_secret(options.oauth_secret_file)
    return OAuthSettings(client_id=options.oauth_id, client_secret=secret)
