"""Warnings about what the workspace or a callback did wrong, limited in number and content."""

import traceback
from collections import Counter
from typing import Final

import structlog


class SampledWarnings:
    """Counts events that should not happen, and logs some of them, never with their content."""

    def __init__(self) -> None:
        self._counts: Final[Counter[str]] = Counter()
        self._log = structlog.get_logger("realtime")

    def note(self, event: str, **values: str) -> None:
        """Count an event, and log the 1st, 2nd, 4th, 8th …, so that a flood fills no disk."""
        self._counts[event] += 1
        count = self._counts[event]
        if count & (count - 1) == 0:
            self._log.warning(event, count=count, **values)


def format_origin(error: Exception) -> str:
    """Return an error's type and origin, without its text, which may quote a message."""
    steps = traceback.extract_tb(error.__traceback__)
    where = f" in {steps[-1].name}, line {steps[-1].lineno}" if steps else ""
    return type(error).__name__ + where
