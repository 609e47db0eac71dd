"""What nearly every question of a person needs, begun to be read before it is asked for."""

import asyncio
from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any, Final

_LIFETIME: Final = 1.0  # seconds; who asks later may not care for what was true then

Rows = Sequence[tuple[Any, ...]]


class Part(StrEnum):
    """Whose rows they are."""

    ACCOUNT = auto()
    TOKEN = auto()
    NAMES = auto()


_ALL: Final = frozenset(Part)


@dataclass(eq=False, slots=True)
class _Begun:
    at: float
    reading: Future[Mapping[Part, Rows]]
    left: set[Part] = field(default_factory=lambda: set(_ALL))


class Foresight:
    """Gives each part of what was read in advance once; whoever asks after that reads it anew.

    ``begin`` begins a read of all that belongs to a user; after ``lifetime``, in seconds, it is
    old. What is expected is to be forgotten before anything of the user's may change.
    """

    def __init__(
        self, begin: Callable[[str], Future[Mapping[Part, Rows]]], lifetime: float = _LIFETIME
    ) -> None:
        self._begin: Final = begin
        self._lifetime: Final = lifetime
        self._begun: Final[dict[str, _Begun]] = {}

    def expect(self, user_id: str) -> None:
        """Begin to read what will be asked for in a moment, if that has not begun already."""
        begun, now = self._begun.get(user_id), asyncio.get_running_loop().time()
        if begun is not None:
            if now - begun.at < self._lifetime:
                return
            self.forget(user_id)
        self._begun[user_id] = _Begun(now, self._begin(user_id))

    def forget(self, user_id: str) -> None:
        """Let go of what nobody has asked for."""
        begun = self._begun.pop(user_id, None)
        if begun is None or len(begun.left) < len(_ALL):
            return  # whoever asked for a part waits for it, and learns of a failure
        if not begun.reading.cancel() and not begun.reading.cancelled():
            begun.reading.exception()  # whoever asks the next time will learn of it

    async def read(self, user_id: str, part: Part, begin: Callable[[str], Future[Rows]]) -> Rows:
        """Give what was expected of a part, or have it read now."""
        begun = self._begun.get(user_id)
        if begun is None or part not in begun.left or self._is_old(begun):
            return await begin(user_id)
        begun.left.remove(part)
        reading = begun.reading
        # Whoever waits may be cancelled, and must not take it from those who want other parts.
        return (reading.result() if reading.done() else await asyncio.shield(reading))[part]

    def _is_old(self, begun: _Begun) -> bool:
        return asyncio.get_running_loop().time() - begun.at >= self._lifetime
