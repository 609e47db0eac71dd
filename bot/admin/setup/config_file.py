"""Writing the configuration file: only its owner can read it, and it is whole or not there."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.admin.setup.answers import SetupAnswers
from bot.errors import ConfigError
from bot.storage.private_file import open_draft


async def write_configuration(
    file: Path,
    find_answers: Callable[[], Awaitable[SetupAnswers | None]],
    echo: Callable[[str], None],
) -> bool:
    """Find the answers and write them; return whether there were any.

    Raises ConfigError where the file cannot be written, before anything is asked or made in the
    workspace that would be lost.
    """
    with _open_draft(file, ""):
        pass
    answers = await find_answers()
    if answers is None:
        echo(f"{file} was not written.")
        return False
    write_private(file, answers.format())
    echo(f"Written to {file}. Only you can read it, because it contains the bot's token.")
    echo(f"Next: session-bot check --config {file}")
    return True


def is_taken(file: Path) -> bool:
    """Return whether there is something at that path already."""
    return os.access(file, os.F_OK)  # false for a path that cannot be


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; raise ConfigError."""
    with _open_draft(file, text) as draft:
        draft.replace(file)


@contextmanager
def _open_draft(file: Path, text: str) -> Iterator[Path]:
    try:
        with open_draft(file, text) as draft:
            yield draft
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
