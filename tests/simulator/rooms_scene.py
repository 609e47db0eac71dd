"""Rows about rooms and users; each has rooms of its own, so they do not depend on each other."""

from collections.abc import Iterable
from typing import Any, Final

from tests.simulator.differences import Row, Scene, find_problems, make_scene
from tests.support.rest_caller import EVERY_VERSION, open_world

Json = Any

ANY: Final = lambda found: found is not None  # noqa: E731 - a value in a table
"""Stands for any value in an expected answer, but for none."""


Requests = tuple[tuple[str, Json], ...]
RoomRow = tuple[Row, Requests]


def row(
    name: str,
    source: str,
    route: str,
    sent: Json = None,
    *,
    status: int = 200,
    answer: Json = None,
    by: str = "alice",
    before: Requests = (),
    since: str = "6.5",
    until: str = "9.0",
) -> RoomRow:
    """Return a row of the versions from ``since`` on and before ``until``.

    ``before`` are requests of alice's that must succeed first. Texts are filled in: ``{channel}``
    and ``{group}`` of alice's with bob in them, ``{foreign}`` (a group without alice), ``{direct}``
    (with bob), ``{name}`` (of the channel), ``{new}`` (a name that is free), ``{alice_id}``.
    """
    versions = tuple(each for each in EVERY_VERSION if since <= each < until)
    return Row(
        name, source, by, route, sent or {}, status, {} if answer is None else answer, versions
    ), before


async def walk(rows: Iterable[RoomRow], version: str) -> list[str]:
    """Send all rows of a version to one workspace; return a text for each wrong answer."""
    problems = []
    async with open_world(version, is_limited=False) as world:
        scene = make_scene(world)
        for number, (row, before) in enumerate(rows):
            if version in row.versions:
                _add_rooms(scene, number)
                first = [_make_first(row, *request) for request in before]
                problems += await find_problems((*first, row), scene, version)
    return problems


def _make_first(row: Row, route: str, sent: Json) -> Row:
    return Row(f"before {row.name}", row.source, "alice", route, sent, 200, {}, row.versions)


def _add_rooms(scene: Scene, number: int) -> None:
    world = scene.world
    workspace, both = world.workspace, [world.alice, world.bob]
    name = f"channel-{number}"
    rooms = {
        "channel": workspace.make_channel(name, both),
        "group": workspace.make_channel(f"group-{number}", both, is_private=True),
        "foreign": workspace.make_channel(f"foreign-{number}", [world.bob], is_private=True),
        "direct": workspace.direct_room(*both),
    }
    scene.ids |= {key: room.id for key, room in rooms.items()}
    scene.ids |= {"new": f"new-{number}", "name": name}
