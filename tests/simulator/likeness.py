"""How an answer of the simulated workspace is held against a recorded one."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

Json = dict[str, Any]

_ID: Final = re.compile(
    r"[A-Za-z0-9]{17}|[0-9a-f]{24}|[A-Za-z0-9]{34}|<(?:access|code|password|refresh|secret|token):.*>"
)
_CODE: Final = re.compile(r"<code:[^>]*>")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

LITERAL: Final = frozenset(
    (
        *("activeStatus", "collection", "emoji", "error", "errorType", "error_description"),
        *("eventName", "message", "method", "msg", "name", "presence", "reason", "redirectUri"),
        *("roomName", "roomParticipant", "roomType", "status", "success", "t", "token_type"),
        *("topic", "type", "username", ""),
    )
)
"""Where these keys hold plain values, the values must be the recorded ones, not only alike.

The empty key is an answer that is nothing but text.
"""


class Names:
    """What the recorded ids and tokens are called in the simulated workspace; learnt on the way."""

    def __init__(self) -> None:
        self._names: Final[dict[str, str]] = {}

    def learn(self, recorded: object, answered: object) -> None:
        """Remember each id that stands at the same place in both."""
        if isinstance(recorded, dict) and isinstance(answered, dict):
            for key in recorded.keys() & answered.keys():
                self.learn(recorded[key], answered[key])
        elif isinstance(recorded, list) and isinstance(answered, list):
            for one, other in zip(recorded, answered, strict=False):
                self.learn(one, other)
        elif isinstance(recorded, str) and isinstance(answered, str) and _ID.fullmatch(recorded):
            self._names.setdefault(recorded, answered)

    def learn_code(self, recorded: object, answered: object) -> None:
        """Remember the placeholder that stands inside a longer text."""
        place = _CODE.search(recorded) if isinstance(recorded, str) else None
        if place is None or not isinstance(recorded, str) or not isinstance(answered, str):
            return
        before, after = (re.escape(self.translate(text)) for text in recorded.split(place[0]))
        if found := re.fullmatch(f"{before}([0-9a-f]+){after}", answered):
            self.name(place[0], found[1])

    def name(self, recorded: str, answered: str) -> None:
        """Remember one name."""
        self._names[recorded] = answered

    def find(self, recorded: str) -> str | None:
        """Return the simulated name, None where it was not learnt."""
        return self._names.get(recorded)

    def translate(self, value: Any) -> Any:  # noqa: ANN401 - any JSON document
        """Return the document with every recorded name replaced, also inside longer texts."""
        if isinstance(value, dict):
            return {key: self.translate(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.translate(each) for each in value]
        if not isinstance(value, str):
            return value
        for recorded, answered in sorted(self._names.items(), key=lambda pair: -len(pair[0])):
            value = value.replace(recorded, answered)
        return value


def find_differences(
    recorded: object, answered: object, *, ignored: Collection[str] = ()
) -> list[str]:
    """Return one line for each difference in keys, types, lengths and telling values."""
    return [line for path, line in _walk(recorded, answered, "") if not _is_in(path, ignored)]


def _is_in(path: str, ignored: Collection[str]) -> bool:
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in ignored)


def _walk(recorded: object, answered: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(recorded, dict) and isinstance(answered, dict):
        yield from _walk_object(recorded, answered, path)
    elif isinstance(recorded, list) and isinstance(answered, list):
        yield from _walk_list(recorded, answered, path)
    elif not _is_alike(recorded, answered, path.rpartition(".")[2]):
        yield path, f"{path or 'answer'}: {answered!r:.160} instead of {recorded!r:.160}"


def _walk_object(recorded: Json, answered: Json, path: str) -> Iterator[tuple[str, str]]:
    for key in sorted(recorded.keys() | answered.keys()):
        inner = f"{path}.{key}" if path else key
        if key not in answered:
            yield inner, f"{inner}: missing, recorded {recorded[key]!r:.100}"
        elif key not in recorded:
            yield inner, f"{inner}: surplus {answered[key]!r:.100}"
        else:
            yield from _walk(recorded[key], answered[key], inner)


def _walk_list(
    recorded: list[object], answered: list[object], path: str
) -> Iterator[tuple[str, str]]:
    if len(recorded) != len(answered):
        length = f"{path}.length"
        yield length, f"{path}: {len(answered)} elements instead of {len(recorded)}"
    for one, other in zip(recorded, answered, strict=False):
        yield from _walk(one, other, f"{path}[]")


def _is_alike(recorded: object, answered: object, key: str) -> bool:
    if isinstance(recorded, str) and recorded.startswith("<"):
        return _is_placeholder_of(recorded, answered)
    if isinstance(recorded, bool) or recorded is None or isinstance(answered, bool):
        return recorded is answered
    if isinstance(recorded, int | float):
        return isinstance(answered, int | float)
    if key in LITERAL or isinstance(answered, str) != isinstance(recorded, str):
        return recorded == answered
    return True


def _is_placeholder_of(recorded: str, answered: object) -> bool:
    if recorded == "<at>":
        return isinstance(answered, str) and _TIME.fullmatch(answered) is not None
    if recorded == "<html page>":
        return isinstance(answered, str) and "<html" in answered
    return answered is not None
