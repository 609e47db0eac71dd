from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait for what, in seconds.

    A link that is silent for ``silence`` is asked for a sign of life, and dropped ``pong`` later.
    Pauses between tries are drawn from 0 to a ceiling that doubles from ``first_pause`` to
    ``longest_pause``, and starts anew after a link that was live for ``calm``. Every ``recheck``
    it is looked for what a live link has not delivered.
    """

    connect: float = 15.0
    call: float = 15.0
    silence: float = 20.0
    pong: float = 15.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    calm: float = 60.0
    recheck: float = 180.0


def make_pauses(timing: Backoff, random: Callable[[], float]) -> Iterator[float]:
    """Yield the seconds before each next try, for ever; ``random`` gives 0 to 1."""
    ceiling = timing.first_pause
    while True:
        # The whole range, not its upper part: many bots of one workspace must not come back as
        # one when it restarts.
        yield random() * min(ceiling, timing.longest_pause)
        ceiling = min(2 * ceiling, timing.longest_pause)
