"""Make ``docs/commands.md`` from the commands; as a program (``make docs``), write it."""

from pathlib import Path

from bot import commands
from bot.commands.registry import Command, load_commands

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD = """# Commands

Made from the commands themselves by `make docs`; a test keeps it so. In a direct message the `!`
may be left out. In a channel, mention the bot: `@sessions session 2`. The answer comes in a direct
message, and the channel sees one line without anything personal in it.
"""


def make_page() -> str:
    return "\n".join([_HEAD, *(_describe(command) for command in load_commands(commands))])


def _describe(command: Command) -> str:
    forms = " · ".join(f"`!{form}`" for form in command.forms)
    parts = [f"## {command.name}", forms, f"{command.summary} {command.details}".strip()]
    if command.examples:
        parts.append("For example " + ", ".join(f"`!{each}`" for each in command.examples) + ".")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(make_page())
