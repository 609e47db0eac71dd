"""Tables of requests with the answers of a real server, walked on one simulated workspace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from rocketchat_simulator import Room, User
from tests.support.rest_caller import Caller, World

Json = Any
NEWEST: Final = ("8.3",)
MEASURED, TESTED, READ = "measured", "T", "S"
"""Where an answer is from: seen on 8.3, demanded by the server's own test, read in its source."""


class Absent:
    """Stands for a field that the answer does not have."""


ABSENT: Final = Absent()


SINCE_7 = ("7.7", "8.3", "8.8")
INVALID = {"success": False, "errorType": "invalid-params"}


NOT_ONE = "must match exactly one schema in oneOf"


def invalid(*problems: str) -> dict[str, object]:
    return INVALID | {"error": "\n ".join(problems) + " [invalid-params]"}


def missing(name: str) -> str:
    return f"must have required property '{name}'"


def refused(text: str, kind: str = "", **details: str) -> dict[str, object]:
    known = {"errorType": kind} if kind else {"errorType": ABSENT}
    told = {"details": details} if details else {}
    return {"success": False, "error": f"{text} [{kind}]".strip() if kind else text} | known | told


@dataclass(frozen=True, slots=True)
class Row:
    """A request and what of the answer must be so; ``{general}`` and the like are filled in.

    ``sent`` is the query of a GET, else the JSON body; with ``is_form`` it is a form.
    """

    name: str
    source: str
    caller: str
    route: str
    sent: Json
    status: int
    answer: Json = field(default_factory=dict)
    versions: tuple[str, ...] = NEWEST
    is_form: bool = False


@dataclass(slots=True)
class Scene:
    """What the rows of a table have in common: callers by name, and ids to fill in."""

    world: World
    callers: Mapping[str, Caller]
    ids: dict[str, str]


def make_scene(world: World) -> Scene:
    """Return alice, bob and admin, a bot and a bot without the role user, and their rooms.

    alice owns the channel ``kitchen`` with bob and the bot; ``lobby`` is alice's alone.
    """
    workspace = world.workspace
    users: dict[str, User] = {"alice": world.alice, "bob": world.bob, "bot": world.bot}
    users["admin"] = workspace.add_user("root", roles=("admin",))
    users["plain"] = workspace.add_user("plain", roles=("bot",))
    general = workspace.rooms.find_by_name("general")
    assert general is not None
    rooms: dict[str, Room] = {"general": general}
    rooms["kitchen"] = workspace.make_channel("kitchen", [world.alice, world.bob, world.bot])
    rooms["lobby"] = workspace.make_channel("lobby", [world.alice])
    rooms["direct"] = workspace.direct_room(world.alice, world.bot)
    workspace.say(world.alice, rooms["direct"], "hello", id="hello")
    workspace.say(world.bot, rooms["direct"], "reply", id="reply", thread_id="hello")
    ids = {name: room.id for name, room in rooms.items()}
    ids |= {f"{name}_id": user.id for name, user in users.items()}
    callers = {name: world.sign_in(user) for name, user in users.items()}
    return Scene(world, callers | {"nobody": world.sign_in()}, ids)


async def find_problems(rows: tuple[Row, ...], scene: Scene, version: str) -> list[str]:
    """Send every row of a version in turn; return a text for each wrong answer."""
    problems = []
    for row in rows:
        if version in row.versions:
            status, body = await _send(row, scene)
            lines = list(_compare(_fill_in(row.answer, scene.ids), body, ""))
            if status != row.status or lines:
                found = "\n    ".join(
                    [f"{status} instead of {row.status}", *lines, str(body)[:400]]
                )
                problems.append(f"{version} {row.name} [{row.source}]\n    {found}")
    return problems


async def _send(row: Row, scene: Scene) -> tuple[int, Json]:
    method, _, route = row.route.partition(" ")
    caller, sent = scene.callers[row.caller], _fill_in(row.sent, scene.ids)
    path = _fill_in(route if route.startswith("/") else f"/api/v1/{route}", scene.ids)
    if method == "GET":
        return await caller.call(method, path, params=sent)
    return await caller.call(method, path, **{"data" if row.is_form else "json": sent})


def _fill_in(value: Json, ids: Mapping[str, str]) -> Json:
    match value:
        case dict():
            return {key: _fill_in(inner, ids) for key, inner in value.items()}
        case list():
            return [_fill_in(inner, ids) for inner in value]
        case str():
            return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], value)
        case _:
            return value


def _compare(wanted: Json, found: Json, path: str) -> list[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            line
            for key, inner in wanted.items()
            for line in _compare(inner, found.get(key, ABSENT), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for i, (one, other) in pairs for line in _compare(one, other, f"{path}[{i}]")]
    if callable(wanted) and not isinstance(wanted, Absent):
        return [] if wanted(found) else [f"{path or 'answer'}: {found!r}"]
    return [] if wanted == found else [f"{path or 'answer'}: {found!r} instead of {wanted!r}"]


def report(problems: list[str]) -> None:
    """Fail with the names of the rows that are wrong."""
    if problems:
        pytest.fail(f"{len(problems)} rows\n" + "\n".join(problems), pytrace=False)
