"""Reads that are begun before they are asked for, so that several go in one trip."""

from asyncio import Future
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class Foresight(Generic[T]):
    """Gives each read that was begun once; whoever asks after that gets a new one.

    ``begin`` begins a read of what belongs to a user.
    """

    def __init__(self, begin: Callable[[str], Future[T]]) -> None:
        self._begin: Final = begin
        self._begun: Final[dict[str, Future[T]]] = {}

    def expect(self, user_id: str) -> None:
        """Begin to read what will be asked for in a moment."""
        self.forget(user_id)
        self._begun[user_id] = self._begin(user_id)

    def forget(self, user_id: str) -> None:
        """Let go of what nobody has asked for."""
        begun = self._begun.pop(user_id, None)
        if begun is not None and not begun.cancel() and not begun.cancelled():
            begun.exception()  # whoever asks the next time will learn of it

    async def read(self, user_id: str) -> T:
        """Give what was expected, or read it now."""
        begun = self._begun.pop(user_id, None)
        return await (begun or self._begin(user_id))
