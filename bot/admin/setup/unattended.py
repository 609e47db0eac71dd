"""``session-bot init`` with options: tries the answers that it is given, and asks nothing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.admin.checks.result import make_warning
from bot.admin.setup.answers import SetupAnswers
from bot.admin.setup.checks import SetupChecks
from bot.admin.setup.config_file import write_configuration
from bot.admin.setup.workspace import WorkspaceSetup
from bot.errors import ConfigError


async def set_up(
    file: Path, given: SetupAnswers, setup: WorkspaceSetup | None, echo: Callable[[str], None]
) -> bool:
    """Check the answers, and write the file; return whether it was written.

    ``setup`` makes the bot's account, and the OAuth application unless one is given. Raises
    ConfigError where the account cannot be made, or the file not written.
    """
    find = partial(_complete, given, setup, SetupChecks(echo), file.parent)
    return await write_configuration(file, find, echo)


async def _complete(
    given: SetupAnswers, setup: WorkspaceSetup | None, checks: SetupChecks, folder: Path
) -> SetupAnswers | None:
    """Return the answers, with what was made; None where one is wrong."""
    # First what needs no token: nothing is made in the workspace for a mistake elsewhere.
    is_right = all(
        [
            await checks.check_workspace(given.url),
            await checks.check_port(given.port),
            await checks.check_public_url(given.public_url),
            await checks.check_storage(given.storage, folder),
        ]
    )
    if not (is_right and await checks.check_oauth(given.url, given.oauth, given.public_url)):
        return None
    found = await _make_missing(given, setup, checks) if setup else given
    is_right = await checks.check_token(found.url, found.token)
    is_right = is_right and await checks.check_room(found.url, found.token, found.room)
    # What was made is written all the same: its secrets are nowhere else.
    return found if is_right or setup else None


async def _make_missing(
    given: SetupAnswers, setup: WorkspaceSetup, checks: SetupChecks
) -> SetupAnswers:
    found = replace(given, token=await setup.make_account())
    if given.oauth.client_id:
        return found
    try:
        return replace(found, oauth=await setup.register_app(given.public_url))
    except ConfigError as error:
        checks.show(make_warning("oauth", str(error)))
        return found
