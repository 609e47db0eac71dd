"""What the page's writing field completes: every command with arguments, as whole lines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product, takewhile
from typing import Final

from bot.commands.registry import Command, CommandRegistry
from rocketchat_simulator import Document

_WORD: Final = re.compile(r"<[^>]*>|\[[^\]]*\]|\S+")
_ANY_COMMAND: Final = "[command]"


def list_lines(commands: CommandRegistry) -> list[Document]:
    """Return ``{"line": "report daily 09:00", "note": …}`` for each way to call each command.

    Arguments come from the examples in the commands' own help; ``note`` is the command's summary.
    """
    names = [each.name for each in commands]
    return [
        {"line": line, "note": command.summary}
        for command in commands
        for line in dict.fromkeys(_list_lines(command, names))
    ]


def _list_lines(command: Command, names: Sequence[str]) -> Iterator[str]:
    matches = {
        example: (form, found)
        for example in command.examples
        for form in command.forms
        if example not in command.forms and (found := _match(form, example))
    }
    values = {_ANY_COMMAND: [*names]}
    for _, found in matches.values():
        for placeholder, value in found.items():
            values.setdefault(placeholder, []).append(value)
    for form in command.forms:
        own = [example for example, (matched, _) in matches.items() if matched == form]
        yield from own
        if not own or _ANY_COMMAND in form:
            yield from _fill(form, values)
    yield from (each for each in command.examples if each not in matches)


def _match(form: str, example: str) -> dict[str, str]:
    """Return the example's value for each placeholder of the form; empty where it does not fit."""
    wanted, words = _WORD.findall(form), example.split()
    pairs = list(zip(wanted, words, strict=False))
    is_fit = len(wanted) == len(words) and all(
        _is_placeholder(part) or part == word for part, word in pairs
    )
    return {part: word for part, word in pairs if _is_placeholder(part)} if is_fit else {}


def _fill(form: str, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the form with each value for its placeholders; up to the first that has none."""
    words = takewhile(lambda word: word in values or not _is_placeholder(word), _WORD.findall(form))
    for filled in product(*(values.get(word, (word,)) for word in words)):
        yield " ".join(filled)


def _is_placeholder(word: str) -> bool:
    return word[0] in "<["
