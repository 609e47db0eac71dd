"""The options of ``session-bot init``; without imports that ``--help`` does not need."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Final

from typer import Option

from bot.errors import ConfigError

STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True)
class InitOptions:
    """Each field is an option. Secrets are in files, and ``-`` is standard input.

    With ``admin_id`` and ``admin_token_file`` the account is made, and the OAuth application too
    unless ``oauth_id`` names one.
    """

    config: Annotated[Path, Option(help="File to write.")] = Path("config.toml")
    workspace: Annotated[str | None, Option(help="URL of the Rocket.Chat server.")] = None
    user_id: Annotated[str | None, Option(help="User id of the bot's account.")] = None
    token_file: Annotated[
        Path | None, Option(help="Its personal access token: a file, or - for stdin.")
    ] = None
    admin_id: Annotated[
        str | None, Option(help="User id of an administrator, who has the account made.")
    ] = None
    admin_token_file: Annotated[
        Path | None, Option(help="The administrator's token: a file, or - for stdin.")
    ] = None
    admin_code_file: Annotated[
        Path | None,
        Option(help="The code of the administrator's second factor: a file, or - for stdin."),
    ] = None
    username: Annotated[
        str | None, Option(help="User name of the account to make; default: sessions.")
    ] = None
    email: Annotated[
        str | None, Option(help="Its e-mail address; default: one that no mail reaches.")
    ] = None
    port: Annotated[
        int | None, Option(min=1, max=65535, help="Port on this machine; default: 8080.")
    ] = None
    public_url: Annotated[str | None, Option(help="URL at which browsers reach the bot.")] = None
    storage: Annotated[
        str | None,
        Option(help="Database; default: sqlite:///session-bot.db."),
    ] = None
    oauth_id: Annotated[str | None, Option(help="Client id of the OAuth application.")] = None
    oauth_secret_file: Annotated[
        Path | None, Option(help="Its client secret: a file, or - for stdin.")
    ] = None
    room: Annotated[str | None, Option(help="Room for the bot's daily status report.")] = None
    replace: Annotated[bool, Option("--replace", help="Replace the file.")] = False

    @property
    def is_any_given(self) -> bool:
        """Return whether there is an option but --config."""
        return any(getattr(self, each.name) for each in fields(self) if each.name != "config")

    def check_complete(self) -> None:
        """Raise ConfigError where options are missing, or contradict each other."""
        has_bot = bool(self.user_id and self.token_file)
        has_admin = bool(self.admin_id and self.admin_token_file)
        secrets = [getattr(self, each.name) for each in fields(self) if each.name.endswith("_file")]
        problems = {
            "--workspace is missing": not self.workspace,
            "give either --user-id and --token-file, the bot's own, or --admin-id and"
            " --admin-token-file, with which its account is made": has_bot is has_admin,
            "--oauth-id and --oauth-secret-file go together": (
                bool(self.oauth_id) is not bool(self.oauth_secret_file)
            ),
            "only one secret can come from standard input": secrets.count(STDIN) > 1,
        }
        if found := [problem for problem, is_so in problems.items() if is_so]:
            raise ConfigError("; ".join(found))
