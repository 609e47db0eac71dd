"""No body of wrong types makes the simulated workspace fail: it refuses or ignores.

One field after the other of each route about messages is replaced by values of all types.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.differences import make_scene
from tests.support.rest_caller import open_world

Json = Any
WRONG = (5, None, "x", [1], {"a": 1}, [{"a": 1}])
BODIES: dict[str, dict[str, Json]] = {
    "chat.sendMessage": {
        "message": {
            "_id": "new",
            "rid": "GENERAL",
            "msg": "x",
            "tmid": "hello",
            "tshow": True,
            "t": "e2e",
            "ts": None,
            "alias": "",
            "avatar": "",
            "emoji": ":x:",
            "attachments": [{"fields": [{"title": "a", "value": "b"}], "actions": [{"text": "x"}]}],
            "blocks": [],
            "customFields": {},
        },
        "previewUrls": [],
    },
    "chat.postMessage": {
        "channel": "#general",
        "roomId": "GENERAL",
        "text": "x",
        "attachments": [{"text": "x"}],
        "tmid": "hello",
        "alias": "",
        "parseUrls": True,
    },
    "chat.update": {"roomId": "GENERAL", "msgId": "public", "text": "y", "previewUrls": []},
    "chat.delete": {"roomId": "GENERAL", "msgId": "hello", "asUser": False},
    "chat.react": {"messageId": "public", "emoji": ":fire:", "shouldReact": True},
    "chat.starMessage": {"messageId": "public"},
    "chat.pinMessage": {"messageId": "public"},
    "commands.run": {"command": "me", "roomId": "GENERAL", "params": "x", "tmid": "public"},
    "method.call/sendMessage": {"message": "x"},
}


@pytest.mark.parametrize("version", ["6.5", "8.3"])
async def test_nothing_fails_for_a_body_of_wrong_types(version: str) -> None:
    failed = []
    async with open_world(version, is_limited=False) as world:
        scene = make_scene(world)
        general = world.workspace.find_room("GENERAL")
        assert general is not None
        world.workspace.say(world.alice, general, "public", id="public")
        for route, body in BODIES.items():
            for wrong in _spoil(body):
                status, _ = await scene.callers["alice"].post(route, **wrong)
                if status >= 500:
                    failed.append((route, wrong))

    assert failed == []


def _spoil(value: Json) -> Iterator[Json]:
    """Return copies of a value, in each of which one part is of another type or missing."""
    if isinstance(value, list) and value:
        yield from ([spoilt] for spoilt in _spoil(value[0]))
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        rest = {key: each for key, each in value.items() if key != name}
        yield rest
        yield from (rest | {name: wrong} for wrong in WRONG)
        yield from (rest | {name: spoilt} for spoilt in _spoil(inner))
