"""Find every text that people read; as a program (``make texts``), update the catalogues."""

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

import bot
from bot import commands, errors
from bot.commands.registry import load_commands
from bot.formatting.locale import ENGLISH, LANGUAGES

HOUSE = Path(bot.__file__).parent
TRANSLATED = tuple(each for each in LANGUAGES if each != ENGLISH)
USER_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.UserError)
}

# As in ``!logout <id or number>`` and ``!help [command]``.
PLACEHOLDER = re.compile(r"[<\[]([a-z ]+)[>\]]")

_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)

Text = str | tuple[str, str]


def find_texts() -> set[Text]:
    """Return all texts; those with a plural as a pair."""
    speaking = [path for path in HOUSE.rglob("*.py") if "storage" not in path.parts]
    found = {text for path in speaking for text in _find_in(path)}
    found |= {text for path in HOUSE.rglob("*.html") for text in _find_in_template(path)}
    for command in load_commands(commands):
        found |= {text for text in (command.summary, command.details) if text}
        found |= {name for form in command.forms for name in PLACEHOLDER.findall(form)}
    return found


def _find_in_template(path: Path) -> Iterator[Text]:
    for call in Environment(autoescape=True).parse(path.read_text()).find_all(nodes.Call):
        name = call.node.name if isinstance(call.node, nodes.Name) else ""
        words = [str(arg.value) for arg in call.args if isinstance(arg, nodes.Const)]
        if name == "text" and words:
            yield words[0]
        if name == "plural":
            yield words[0], words[1]


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
        if name == "plural" and words:
            yield str(words[0]), str(words[1])
        if name in {"call", "Call"} and words:
            yield from PLACEHOLDER.findall(str(words[0]))
        # What the pages say of a request that is not theirs.
        yield from (
            str(each.value.value)
            for each in node.keywords
            if each.arg == "reason"
            and name == "HTTPBadRequest"
            and isinstance(each.value, ast.Constant)
        )


def find_catalogue(language: str) -> Path:
    """Return where a language's catalogue is."""
    return HOUSE / "locales" / language / "LC_MESSAGES" / "session_bot.po"


def load(language: str) -> Catalog:
    """Read a catalogue; a missing one is empty."""
    path = find_catalogue(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> None:
    """Bring a catalogue up to date; translations that are there stay."""
    old, path = load(language), find_catalogue(language)
    name = Locale.parse(language).get_display_name(ENGLISH)
    new = Catalog(
        locale=language,
        project="session-bot",
        header_comment=f"# {name}.",
        # The same each time, so that catalogues differ only where texts do.
        creation_date=_NO_DATE,
        revision_date=_NO_DATE,
        fuzzy=False,
    )
    for text in sorted(find_texts(), key=str):
        key = text[0] if isinstance(text, tuple) else text
        known = old.get(key)
        new.add(text, known.string if known else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, new, width=96)


if __name__ == "__main__":
    for each in sys.argv[1:] or TRANSLATED:
        update(each)
