"""Find names and phrases that this code base no longer uses.

Run ``python -m tests.support.house_words [path ...]`` to print every hit, one a line, with totals;
without paths it reads all tracked Python and Markdown files. Exit status 1 if there is a hit.

Identifiers count where they are defined (classes, functions, arguments, assigned names, modules),
so names of other libraries do not count. Prose is comments and docstrings, Markdown, and the
sentences in string literals of ``bot/``.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


ROOT = Path(__file__).parents[2]
CODE = ("bot", "rocketchat_simulator", "tests", "benchmarks")
PAGES = ("README.md", "CHANGELOG.md", "docs")

# A part of a name: ``report_slots`` and ``ReportSlots`` both have the part "slots".
PARTS = _split(
    """
    absence absences allowance allowances budget budgets bookkeeping buried bury case cases
    consent courtesy deed deeds desk desks dossier dossiers errand errands face faces
    figures finding findings flights foreseen foresight grounds hints intake interview lane
    lanes lend lending lent letter letters listing listings lookout lookouts manners mouth
    neutralise neutralised news occasion occasions oddities opening openings oversight
    patience patient plans premises proof proofs reader readers renewals shortcut shortcuts
    sighting sightings slot slots surroundings tallies tally ticket tickets timetable trial
    trials turns upkeep watches whoever wish wishes
    """
)
# A whole name of a class or a module.
CLASSES = _split(
    """
    answers attempts calls connected connections deliveryparts figures form job kind known
    line link lost mismatch recent seen standing timing values watch
    """
)
# A whole name in these folders only.
WHOLE = {
    "bot": _split("answers connections data process watch"),
    "bot/storage": _split("job line"),
}
_CONSTANT_PARTS = _split("about few glance least longest moment most much plenty usual")
_CLASS_NAME = re.compile(
    r"Manager$|Helpers?$|Utils?$|^Base[A-Z]|Parts$|Grounds$|Surroundings$|Premises$|[a-z]Face$"
)

PHRASES = re.compile(
    r"""\b(?:
    whoever | for\ good | in\ hand | that\ there\ is | nobody\ else | lets?\ go\ of
    | letting\ go\ of | stands?\ on | anew | deeds? | errands? | lanes? | desks? | wish(?:es)?
    | sightings? | bury | buried | lent | lends? | patience | foresight | foreseen | foresees?
    | dossiers? | lookouts? | oddit(?:y|ies) | upkeep | timetables? | courtesy | manners
    | tall(?:y|ies) | bookkeeping | oversight | premises | neutralised? | interview | mouth
    | glance | intake | absences? | occasions? | slots? | allowances? | flights
    | ill\ at\ ease | hurries | its\ own\ affair
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_GIVE = re.compile(r"\s*Gives?\b")


@dataclass(frozen=True, slots=True)
class Allowed:
    """A name or phrase that stays: what, in which files, and why."""

    word: str
    files: str
    reason: str


_PAGE = "OAuth's word for the page that asks the user"
_ALPHABET = "a letter of the alphabet"
_STREAM = "asyncio's StreamReader"
ALLOWED = (
    Allowed("consent", "rocketchat_simulator/oauth/*", _PAGE),
    Allowed("consent", "rocketchat_simulator/person.py", _PAGE),
    Allowed("consent", "tests/*/*", _PAGE),
    Allowed("consent", "tests/*/*/*", _PAGE),
    Allowed("consent", "bot/rocketchat/oauth.py", _PAGE),
    Allowed("consent", "bot/features/accounts/*", _PAGE),
    Allowed("letters", "bot/features/reports/timeline_image.py", _ALPHABET),
    Allowed("letter", "bot/features/reports/timeline_image.py", _ALPHABET),
    Allowed("letter", "bot/formatting/text.py", _ALPHABET),
    Allowed("letter", "tests/unit/formatting/test_text.py", _ALPHABET),
    Allowed("letters", "bot/parsing.py", _ALPHABET),
    Allowed("letter", "bot/parsing.py", _ALPHABET),
    Allowed("letters", "rocketchat_simulator/documents.py", _ALPHABET),
    Allowed("case", "rocketchat_simulator/versions.py", "headers in lower case"),
    Allowed("form", "bot/web/linking_pages.py", "a form of HTML"),
    Allowed("reader", "tests/integration/rocketchat/*", _STREAM),
    Allowed("reader", "tests/support/*", _STREAM),
    Allowed("reader", "tests/integration/web/*", _STREAM),
    Allowed("reader", "tests/stress/torture/*", _STREAM),
    Allowed("reader", "tests/scenarios/test_connecting.py", _STREAM),
    Allowed("connections", "bot/web/connections.py", "TCP connections of browsers"),
    Allowed("consent", "bot/web/linking_pages.py", _PAGE),
    Allowed("absence", "bot/dispatcher/*", "the time in which the bot did not listen"),
    Allowed("known", "bot/commands/known.py", "a command's module has the command's name"),
    Allowed("process", "bot/features/reports/pictures.py", "a process of the operating system"),
    Allowed("line", "bot/storage/key_file.py", "a line of text"),
    Allowed("reader", "tests/integration/storage/*", "a connection that reads"),
    Allowed("slots", "bot/storage/failures.py", "PostgreSQL's error message"),
    Allowed("slots", "bot/web/connections.py", "Python's __slots__"),
    Allowed("figures", "tests/support/house_figures.py", "issue 17's word for what it prints"),
    Allowed("premises", "tests/support/house_figures.py", "a name that it searches for"),
    Allowed("slots", "tests/support/house_words.py", "an example of a hit"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One place to change; ``word`` is what was found, ``text`` where it stands."""

    path: str
    line: int
    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word}: {self.text}"


def find_hits(paths: Iterable[str]) -> list[Hit]:
    """Return the hits in these files, whose paths are relative to the root."""
    return [hit for path in paths for hit in find_hits_in(path, (ROOT / path).read_text())]


def find_hits_in(path: str, text: str) -> list[Hit]:
    """Return the hits in one text, as if it stood in that file."""
    return [hit for hit in _read(path, text) if not _is_allowed(hit)]


def list_files() -> list[str]:
    """List the files that are searched, relative to the root."""
    command = ["git", "ls-files", "--", *CODE, *PAGES]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    names = [name for name in listed.stdout.split() if name.endswith((".py", ".md"))]
    return [name for name in names if (ROOT / name).exists()]


def _is_allowed(hit: Hit) -> bool:
    return any(
        hit.word.lower() == each.word and PurePath(hit.path).match(each.files) for each in ALLOWED
    )


def _read(path: str, text: str) -> Iterator[Hit]:
    if path.endswith(".md"):
        yield from _find_phrases(path, enumerate(text.splitlines(), 1))
        return
    tree = ast.parse(text)
    yield from _find_names(path, tree)
    yield from _find_phrases(path, _list_prose(text, tree))
    if path.startswith("bot/"):
        yield from _find_phrases(path, _list_sentences(tree))
    for line, docstring in _list_docstrings(tree):
        if _GIVE.match(docstring):
            yield Hit(path, line, "Give", docstring.strip().partition("\n")[0])


def _find_phrases(path: str, prose: Iterable[tuple[int, str]]) -> Iterator[Hit]:
    for start, text in prose:
        for number, line in enumerate(text.splitlines() or [""], start):
            for match in PHRASES.finditer(line):
                yield Hit(path, number, match[0], line.strip())


def _list_prose(text: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    yield from _list_docstrings(tree)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _list_docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        # Also a string after an assignment, which documents a field.
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def _list_sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    documentation = {line for line, _ in _list_docstrings(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if " " in text and node.lineno not in documentation:
                yield node.lineno, text


def _find_names(path: str, tree: ast.Module) -> Iterator[Hit]:
    first: dict[tuple[str, str], Hit] = {}
    for line, name, is_type in _list_definitions(path, tree):
        for word in _find_words(path, name, is_type=is_type):
            first.setdefault((name, word), Hit(path, line, word, name))
    yield from first.values()


def _list_definitions(path: str, tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """List line, name, and whether it is a class or a module."""
    yield 1, PurePath(path).stem, True
    if PurePath(path).stem == "__init__":
        yield 1, PurePath(path).parent.name, True
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef():
                yield node.lineno, node.name, True
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.lineno, node.name, False
            case ast.arg():
                yield node.lineno, node.arg, False
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id, False
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr, False
            case ast.alias(asname=str(name)):
                yield node.lineno, name, False
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name, False


def _find_words(path: str, name: str, *, is_type: bool) -> Iterator[str]:
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    whole = name.strip("_").lower()
    yield from (part for part in parts if part in PARTS)
    if is_type and whole in CLASSES:
        yield whole
    for folder, words in WHOLE.items():
        if path.startswith(f"{folder}/") and whole in words:
            yield whole
    if name.isupper():
        yield from (part for part in parts if part in _CONSTANT_PARTS)
    if is_type and (match := _CLASS_NAME.search(name)):
        yield match[0]


def main(paths: list[str]) -> int:
    """Print the hits in these files or folders, or in all; return the exit status."""
    files = list_files()
    if paths:
        files = [file for file in files if any(PurePath(file).is_relative_to(p) for p in paths)]
    hits = find_hits(files)
    totals = Counter(hit.word.lower() for hit in hits)
    lines = [str(hit) for hit in hits]
    lines += ["", *(f"{count:5} {word}" for word, count in totals.most_common())]
    lines.append(f"{len(hits)} hits in {len(files)} files")
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
