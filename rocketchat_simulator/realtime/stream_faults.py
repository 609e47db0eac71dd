"""Faults in the delivery of messages to websockets: lost, repeated and held messages.

Stored messages and the REST API are not affected.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from rocketchat_simulator.workspace.events import MessageStored


class StreamFaults:
    """Delivers each message once and in order, unless a fault is set for it."""

    def __init__(self, deliver: Callable[[MessageStored], None]) -> None:
        self._deliver: Final = deliver
        self._held: Final[deque[MessageStored]] = deque()
        self._to_lose = self._to_repeat = self._to_hold = 0

    def pass_on(self, event: MessageStored) -> None:
        """Deliver a message, or apply a fault to it."""
        if self._to_lose:
            self._to_lose -= 1
        elif self._to_hold:
            self._to_hold -= 1
            self._held.append(event)
        else:
            self._deliver(event)
            if self._to_repeat:
                self._to_repeat -= 1
                self._deliver(event)

    def lose(self, times: int = 1) -> None:
        """Deliver the next ``times`` messages to nobody."""
        self._to_lose += times

    def repeat(self, times: int = 1) -> None:
        """Deliver each of the next messages twice, as to a client that has subscribed twice."""
        self._to_repeat += times

    def hold(self, times: int = 1) -> None:
        """Hold the next messages back until ``release``; later ones overtake them.

        A real server does this to messages with a link, which it publishes after it has fetched
        the previews (server source ``sendMessage.ts``, 8.3).
        """
        self._to_hold += times

    def release(self) -> None:
        """Deliver the held messages in their order, and hold no more."""
        self._to_hold = 0
        while self._held:
            self._deliver(self._held.popleft())

    def clear(self) -> None:
        """Remove all faults, and deliver the held messages."""
        self._to_lose = self._to_repeat = 0
        self.release()
