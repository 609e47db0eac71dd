"""What ajv 8 itself said of these values with the schemas of ``@rocket.chat/rest-typings``.

7.9.8 stands for 7.7, 8.0.0 for 8.3 and 8.8.1 for 8.8. Numbers for texts are left out: ajv turns
them into texts, and a real 8.3 was seen to refuse them.
"""

from typing import Any

import pytest

from rocketchat_simulator.rest.json_schema import find_problems
from rocketchat_simulator.rest.schemas import find_check
from rocketchat_simulator.rest.schemas.checks import JsonSchema
from tests.simulator.differences import NOT_ONE, missing

NO_MORE = "must NOT have additional properties"
OLD, NEW, NEWEST = (7, 7), (8, 3), (8, 8)
ALL = (OLD, NEW, NEWEST)
UPDATE_NO_ROOM = [missing("roomId"), missing("roomId"), NOT_ONE]
UPDATE_NO_TEXT = [missing("text"), missing("content"), NOT_ONE]
DELETE_NOTHING = [missing("msgId"), missing("fileId"), "must match a schema in anyOf"]
REACT_MAYBE = {"emoji": "x", "messageId": "m", "shouldReact": "maybe"}

Rows = list[tuple[str, Any, list[str], tuple[tuple[int, int], ...]]]
ROWS: Rows = [
    ("POST chat.postMessage", {"text": "x"}, [missing("roomId"), missing("channel"), NOT_ONE], ALL),
    (
        "POST chat.postMessage",
        {"text": "x", "roomId": "a", "channel": "b"},
        [NO_MORE, NO_MORE, NOT_ONE],
        ALL,
    ),
    (
        "POST chat.postMessage",
        {"roomId": "x", "text": {"a": 1}},
        ["must be string", missing("channel"), NOT_ONE],
        ALL,
    ),
    (
        "POST chat.postMessage",
        {"channel": "b", "blocks": []},
        [missing("roomId"), NO_MORE, NOT_ONE],
        ALL,
    ),
    (
        "POST chat.postMessage",
        {"channel": "b", "attachments": "x"},
        [missing("roomId"), "must be array", NOT_ONE],
        ALL,
    ),
    ("POST chat.sendMessage", {"message": "x"}, ["must be object"], ALL),
    ("POST chat.sendMessage", [1], ["must be object"], ALL),
    ("POST chat.sendMessage", {"message": {"_id": {"a": 1}}}, ["must be string"], ALL),
    ("POST chat.sendMessage", {"message": {"_id": ["a"]}}, ["must be string"], ALL),
    ("POST chat.sendMessage", {"message": {"tshow": "x"}}, ["must be boolean"], ALL),
    ("POST chat.sendMessage", {"message": {}, "foo": 1}, [NO_MORE], ALL),
    ("POST chat.sendMessage", {"message": {"msg": None, "foo": 1}}, [], ALL),
    ("POST chat.update", {"msgId": "x", "text": "y"}, [missing("roomId")], (OLD,)),
    ("POST chat.update", {"msgId": "x", "text": "y"}, UPDATE_NO_ROOM, (NEW, NEWEST)),
    ("POST chat.update", {"msgId": "x", "roomId": "y"}, [missing("text")], (OLD,)),
    ("POST chat.update", {"msgId": "x", "roomId": "y"}, UPDATE_NO_TEXT, (NEW, NEWEST)),
    ("POST chat.delete", {}, [missing("msgId")], (OLD, NEW)),
    ("POST chat.delete", {}, DELETE_NOTHING, (NEWEST,)),
    ("POST chat.react", {"emoji": "x"}, [missing("messageId"), missing("reaction"), NOT_ONE], ALL),
    ("POST chat.react", REACT_MAYBE, ["must be boolean", missing("reaction"), NOT_ONE], ALL),
    ("GET chat.syncMessages", {}, [missing("roomId")], ALL),
    (
        "GET chat.syncMessages",
        {"roomId": "x", "type": "y"},
        ["must be equal to one of the allowed values"],
        ALL,
    ),
    ("GET chat.syncMessages", {"roomId": "x", "count": "y"}, ["must be number"], ALL),
    ("GET chat.getMessage", {"msgId": ""}, ["must NOT have fewer than 1 characters"], ALL),
]


@pytest.mark.parametrize(("route", "given", "problems", "numbers"), ROWS)
def test_problems_are_those_that_ajv_finds(
    route: str, given: object, problems: list[str], numbers: tuple[tuple[int, int], ...]
) -> None:
    for number in numbers:
        check = find_check(route, number)
        assert isinstance(check, JsonSchema)
        assert find_problems(check.schema, check.coerce(given)) == problems


def test_texts_of_queries_and_forms_become_numbers_and_flags() -> None:
    sync, react = find_check("GET chat.syncMessages", NEW), find_check("POST chat.react", NEW)
    assert sync
    assert react

    assert sync.coerce({"roomId": "5", "count": "5"}) == {"roomId": "5", "count": 5}
    assert react.coerce({"emoji": "x", "shouldReact": "true"})["shouldReact"] is True
    assert react.coerce({"emoji": "x", "shouldReact": "maybe"})["shouldReact"] == "maybe"
