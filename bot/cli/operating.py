"""What the commands for operators share: the settings, and lines to print."""

from collections.abc import AsyncIterator
from pathlib import Path

from bot.cli.terminal import echo
from bot.config import Settings, describe_sources, load_settings
from bot.logs import open_logs


def load_for_operator(config: Path | None, secrets: Path | None) -> Settings:
    """Load the settings, say on standard error which they are, and log warnings only.

    Raises ConfigError.
    """
    settings = load_settings(config, secrets=secrets)
    open_logs("WARNING", "text")
    echo(f"session-bot: {describe_sources(settings, config)}", err=True)
    return settings


async def print_lines(lines: AsyncIterator[str]) -> None:
    """Print the lines as they come."""
    async for line in lines:
        echo(line)
