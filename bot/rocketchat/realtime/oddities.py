import traceback
from collections import Counter

import structlog


class Oddities:
    """Counts what should not happen and logs it, never with its content."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._log = structlog.get_logger("realtime")

    def note(self, event: str, **values: str) -> None:
        """Count one more, and log the 1st, 2nd, 4th, 8th …: a flood must not fill the disk."""
        self._counts[event] += 1
        count = self._counts[event]
        if count & (count - 1) == 0:
            self._log.warning(event, count=count, **values)


def format_origin(error: Exception) -> str:
    """Say what was raised and where, but not its text: that may quote a message."""
    steps = traceback.extract_tb(error.__traceback__)
    where = f" in {steps[-1].name}, line {steps[-1].lineno}" if steps else ""
    return type(error).__name__ + where
