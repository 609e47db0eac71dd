"""Pauses between retries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause between retries, in seconds.

    Each pause is drawn from 0 to a ceiling that doubles from ``first_pause_s`` to
    ``max_pause_s``. The ceiling starts over after a connection was live for ``reset_after_s``.
    """

    first_pause_s: float = 1.0
    max_pause_s: float = 60.0
    reset_after_s: float = 60.0


def make_pauses(backoff: Backoff, random: Callable[[], float]) -> Iterator[float]:
    """Yield the seconds to pause before each next try, without end.

    ``random`` returns a number from 0 to 1.
    """
    ceiling = backoff.first_pause_s
    while True:
        # Full jitter: bots that lost the same workspace must not all come back at once.
        yield random() * min(ceiling, backoff.max_pause_s)
        ceiling = min(2 * ceiling, backoff.max_pause_s)
