"""Print the figures of the code base's structure, each with its limit.

Run ``python -m tests.support.house_figures``. Exit status 1 if a figure is over its limit.

A room is a module or package directly under ``bot/`` (no dunder files, no locales). Floors are the
rooms on the longest chain of imports between rooms; rooms that import each other count as one floor
and are named. A module builds if it makes objects of five or more acting classes of other modules:
classes that are no dataclass, enum, exception, model or named tuple. A carrier is a class named
``…Parts``, ``…Grounds``, ``…Surroundings`` or ``…Premises``, or a dataclass without methods whose
fields are all acting objects or callables and which only one argument or field is declared with.
"""

import ast
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp
import structlog

from tests.support.house_session import measure_session

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "bot"
MAX_CONSTRUCTED = 4
_CARRIER_NAMES = ("Parts", "Grounds", "Surroundings", "Premises")
_VALUE_BASES = (
    "BaseModel",
    "BaseSettings",
    "_Section",  # the frozen model of bot/config.py
    "Enum",
    "Error",
    "Exception",
    "Flag",
    "IntEnum",
    "NamedTuple",
    "Protocol",
    "StrEnum",
    "TypedDict",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``names`` says what was counted, where that helps."""

    name: str
    value: int
    limit: int
    names: Sequence[str] = ()

    @property
    def is_kept(self) -> bool:
        """Return whether the figure is within its limit."""
        return self.value <= self.limit

    def __str__(self) -> str:
        mark = " " if self.is_kept else "!"
        lines = [f"{mark} {self.name:<36} {self.value:>6,}  (at most {self.limit:,})"]
        return "\n".join([*lines, *(f"      {name}" for name in self.names)])


def count_structure() -> list[Figure]:
    """Return the figures that need no running program."""
    chain, cycles = find_floors()
    longest = max(list_modules(), key=_count_lines)
    builders = [f"{_name(path)}: {', '.join(made)}" for path, made in find_builders()]
    carriers = find_carriers()
    return [
        Figure("rooms at the top of bot/", len(list_rooms()), 22, [", ".join(list_rooms())]),
        Figure("floors", len(chain), 9, [" > ".join(chain)]),
        Figure("cycles between rooms", len(cycles), 0, [", ".join(each) for each in cycles]),
        Figure("lines of bot/", sum(map(_count_lines, list_modules())), 15_000),
        Figure("files that build", len(builders), 1, builders),
        Figure("carrier classes", len(carriers), 0, carriers),
        Figure("longest module (lines)", _count_lines(longest), 400, [_name(longest)]),
    ]


def count_session() -> list[Figure]:
    """Return the figures of one ``!session``, which is run."""
    functions = measure_session()
    modules = Counter(file for file, _ in functions)
    names = [f"{count:3} {name}" for name, count in sorted(modules.items())]
    return [
        Figure("modules in one !session", len(modules), 40, names),
        Figure("functions in one !session", len(functions), 227),
    ]


def list_rooms() -> list[str]:
    """List the modules and packages directly under ``bot/``."""
    found = (path for path in HOUSE.iterdir() if not path.name.startswith((".", "__")))
    return sorted(
        path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").exists()
    )


def list_modules() -> list[Path]:
    """List the Python files of ``bot/``."""
    return sorted(HOUSE.rglob("*.py"))


def find_floors() -> tuple[list[str], list[list[str]]]:
    """Return the longest chain of rooms that import the next, and the cycles of rooms."""
    imports = _find_room_imports()
    cycles = _find_cycles(imports)
    # Of each cycle one room stands for all.
    stand_in = {room: cycle[0] for cycle in cycles for room in cycle}

    @cache
    def find_chain(room: str) -> tuple[str, ...]:
        group = [each for each in imports if stand_in.get(each, each) == room]
        below = {stand_in.get(each, each) for member in group for each in imports[member]}
        chains = [find_chain(each) for each in sorted(below - {room})]
        return (room, *max(chains, key=len, default=()))

    chains = [find_chain(stand_in.get(room, room)) for room in sorted(imports)]
    longest = max(chains, key=len)
    return list(longest), cycles


def _find_room_imports() -> dict[str, set[str]]:
    graph = grimp.build_graph("bot")
    rooms = set(list_rooms())
    imports: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            here, there = _find_room(module), _find_room(imported)
            if here != there and {here, there} <= rooms:
                imports[here].add(there)
    return imports


def _find_room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _find_cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    def reach(room: str) -> set[str]:
        found: set[str] = set()
        waiting = list(imports[room])
        while waiting:
            if (each := waiting.pop()) not in found:
                found.add(each)
                waiting.extend(imports[each])
        return found

    reached = {room: reach(room) for room in imports}
    groups = {
        tuple(sorted(each for each in reached[room] if room in reached[each]))
        for room in imports
        if room in reached[room]
    }
    return [list(group) for group in sorted(groups)]


def find_builders() -> list[tuple[Path, list[str]]]:
    """Return the modules that construct too many acting classes of other modules, and which."""
    acting = {node.name for _, node in _list_classes() if not _is_value(node)}
    found = []
    for path in list_modules():
        tree = _parse(path)
        imported = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bot")
            for name in node.names
        }
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        made = sorted(calls & imported & acting)
        if len(made) > MAX_CONSTRUCTED:
            found.append((path, made))
    return found


def find_carriers() -> list[str]:
    """Return the classes that only carry arguments to one other place, as ``file: class``."""
    classes = list(_list_classes())
    acting = {node.name for _, node in classes if not _is_value(node)}
    return [
        f"{_name(path)}: {node.name}"
        for path, node in classes
        if node.name.endswith(_CARRIER_NAMES)
        or (_has_only_actors(node, acting) and _count_takers(node.name) <= 1)
    ]


def _has_only_actors(node: ast.ClassDef, acting: set[str]) -> bool:
    fields = [set(_list_names(each.annotation)) for each in _list_fields(node)]
    has_methods = any(
        isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body
    )
    return (
        _is_dataclass(node)
        and not has_methods
        and len(fields) > 1
        and all((acting | {"Callable"}) & names for names in fields)
        and any(acting & names for names in fields)
    )


def _count_takers(name: str) -> int:
    """Count the arguments and fields of that class, in all of ``bot/``."""
    annotations = [
        annotation
        for path in list_modules()
        for node in ast.walk(_parse(path))
        for annotation in _list_annotations(node)
    ]
    return sum(name in _list_names(each) for each in annotations)


def _list_annotations(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.arg(annotation=ast.expr() as annotation):
            yield annotation
        case ast.ClassDef():
            yield from (each.annotation for each in _list_fields(node))


def _list_fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    return [each for each in node.body if isinstance(each, ast.AnnAssign)]


def _list_names(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(text)):
                yield from re.findall(r"\w+", text)


def _list_classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path in list_modules():
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.ClassDef):
                yield path, node


def _is_value(node: ast.ClassDef) -> bool:
    bases = [name for base in node.bases for name in _list_names(base)]
    return (
        _is_dataclass(node) or any(base.endswith(_VALUE_BASES) for base in bases)
    ) and not _acts(node)


def _acts(node: ast.ClassDef) -> bool:
    return any(isinstance(each, ast.AsyncFunctionDef) for each in node.body)


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in _list_names(each) for each in node.decorator_list)


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _count_lines(path: Path) -> int:
    return path.read_text().count("\n")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def main() -> int:
    """Print all figures; return the exit status."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    figures = [*count_structure(), *count_session()]
    sys.stdout.write("\n".join([*map(str, figures), ""]))
    return 0 if all(figure.is_kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
