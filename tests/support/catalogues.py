"""Find every text that people read; as a program (``make texts``), update the catalogues."""

import ast
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

import bot
from bot import commands, errors
from bot.commands.registry import load_commands

HOUSE = Path(bot.__file__).parent
GERMAN = HOUSE / "locales" / "de" / "LC_MESSAGES" / "session_bot.po"
USER_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.UserError)
}

Text = str | tuple[str, str]


def find_texts() -> set[Text]:
    """Return all texts; those with a plural as a pair."""
    speaking = [path for path in HOUSE.rglob("*.py") if "storage" not in path.parts]
    found = {text for path in speaking for text in _find_in(path)}
    for command in load_commands(commands):
        found |= {text for text in (command.summary, command.details) if text}
    return found


def _find_in(path: Path) -> Iterator[Text]:
    tree = ast.parse(path.read_text())
    # There text() makes a statement.
    is_sql = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "sqlalchemy"
        and any(each.name == "text" for each in node.names)
        for node in tree.body
    )
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        is_text = name == "text" and not is_sql
        if (is_text or name in USER_ERRORS) and words:
            yield str(words[0])
        if name == "plural":
            yield str(words[0]), str(words[1])


def load(path: Path) -> Catalog:
    """Read a catalogue; a missing one is empty."""
    if not path.exists():
        return Catalog(locale="de")
    with path.open("rb") as file:
        return read_po(file, locale="de")


def update(path: Path) -> None:
    """Bring a catalogue up to date; translations that are there stay."""
    old = load(path)
    new = Catalog(locale="de", project="session-bot", header_comment="# German.", fuzzy=False)
    for text in sorted(find_texts(), key=str):
        key = text[0] if isinstance(text, tuple) else text
        known = old.get(key)
        new.add(text, known.string if known else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, new, width=96)


if __name__ == "__main__":
    update(GERMAN)
