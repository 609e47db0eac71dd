"""Reads that are begun before they are asked for, so that several go in one trip."""

import asyncio
from asyncio import Future
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

_LIFETIME: Final = 1.0  # seconds; who asks later may not care for what was true then

T = TypeVar("T")


class Foresight(Generic[T]):
    """Gives each read that was begun once; whoever asks after that gets a new one.

    ``begin`` begins a read of what belongs to a user; after ``lifetime``, in seconds, it is old.
    """

    def __init__(self, begin: Callable[[str], Future[T]], lifetime: float = _LIFETIME) -> None:
        self._begin: Final = begin
        self._lifetime: Final = lifetime
        self._begun: Final[dict[str, tuple[float, Future[T]]]] = {}

    def expect(self, user_id: str) -> None:
        """Begin to read what will be asked for in a moment, if that has not begun already."""
        begun = self._begun.get(user_id)
        if begun is not None:
            if self._is_young(begun[0]):
                return
            self.forget(user_id)
        self._begun[user_id] = (asyncio.get_running_loop().time(), self._begin(user_id))

    def forget(self, user_id: str) -> None:
        """Let go of what nobody has asked for."""
        _, begun = self._begun.pop(user_id, (0.0, None))
        if begun is not None and not begun.cancel() and not begun.cancelled():
            begun.exception()  # whoever asks the next time will learn of it

    async def read(self, user_id: str) -> T:
        """Give what was expected, or read it now."""
        begun = self._begun.get(user_id)
        if begun is None or not self._is_young(begun[0]):
            self.forget(user_id)
            return await self._begin(user_id)
        del self._begun[user_id]
        return await begun[1]

    def _is_young(self, begun_at: float) -> bool:
        return asyncio.get_running_loop().time() - begun_at < self._lifetime


class Expectations:
    """What nearly every question of a person needs, begun to be read together."""

    def __init__(self, *foresights: Foresight[Any]) -> None:
        self._foresights: Final = foresights

    def expect(self, user_id: str) -> None:
        """Begin what has not begun; to be forgotten before anything of the user's may change."""
        for each in self._foresights:
            each.expect(user_id)

    def forget(self, user_id: str) -> None:
        """Let go of what nobody has asked for."""
        for each in self._foresights:
            each.forget(user_id)
