"""How messages go out to the clients: each once and in order, unless asked otherwise.

All of it is about the websocket alone: what is stored, and what REST answers, is not touched.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from rocketchat_simulator.workspace.events import MessageStored


class StreamFaults:
    """Between the workspace and its websockets; the faults are counted in messages."""

    def __init__(self, deliver: Callable[[MessageStored], None]) -> None:
        self._deliver: Final = deliver
        self._held: Final[deque[MessageStored]] = deque()
        self._to_lose = self._to_repeat = self._to_hold = 0

    def take(self, event: MessageStored) -> None:
        """Let a message out, or not, or twice."""
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
        """Let the next messages reach nobody, ever."""
        self._to_lose += times

    def repeat(self, times: int = 1) -> None:
        """Deliver each of the next messages twice, as where a client has subscribed twice."""
        self._to_repeat += times

    def hold(self, times: int = 1) -> None:
        """Keep the next messages back until ``release_messages``; later ones overtake them.

        So it is with messages that contain a link: the server tells of them when it has fetched
        the previews (server source ``sendMessage.ts``, 8.3).
        """
        self._to_hold += times

    def release(self) -> None:
        """Deliver what was kept back, in its order."""
        self._to_hold = 0
        while self._held:
            self._deliver(self._held.popleft())

    def clear_faults(self) -> None:
        """Deliver each message once and at once again, those that were kept back first."""
        self._to_lose = self._to_repeat = 0
        self.release()
