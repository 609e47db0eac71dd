"""Pictures, drawn by a process of their own and within a time limit; none is worth waiting for."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import structlog

from bot.models import Timeline

_PROGRAM: Final = Path(__file__).with_name("timeline_image.py")
_PATIENCE: Final = 10.0
_AT_ONCE: Final = 2
_PAUSE: Final = 3600.0
_LONGEST: Final = 512 * 1024


class Pictures:
    """Draws where nothing more urgent is in the way. ``seconds`` is a monotonic clock.

    ``program`` draws; it may take ``patience`` seconds.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        program: Path = _PROGRAM,
        patience: float = _PATIENCE,
    ) -> None:
        self._patience: Final = patience
        self._seconds: Final = seconds
        self._program: Final = program
        self._drawing = 0
        self._begin_at = 0.0
        self._log = structlog.get_logger("pictures")

    def pause(self) -> None:
        """Draw none for an hour: the workspace does not take them."""
        self._begin_at = self._seconds() + _PAUSE

    async def draw(self, timeline: Timeline) -> bytes | None:
        """Return a PNG; None where it cannot be drawn now, or where others are being drawn."""
        if self._drawing >= _AT_ONCE or self._seconds() < self._begin_at:
            return None
        self._drawing += 1
        try:
            return await self._run(json.dumps(asdict(timeline)).encode())
        except (OSError, TimeoutError) as error:
            self._log.warning("a picture was not drawn", problem=repr(error))
            return None
        finally:
            self._drawing -= 1

    async def _run(self, described: bytes) -> bytes | None:
        # Isolated and without an environment: nothing that the bot knows goes along.
        command = (sys.executable, "-I", str(self._program))
        artist = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
        )
        try:
            async with asyncio.timeout(self._patience):
                drawn, _ = await artist.communicate(described)
        finally:
            if artist.returncode is None:
                artist.kill()
                await artist.wait()
        if artist.returncode or not drawn or len(drawn) > _LONGEST:
            self._log.warning("a picture was not drawn", status=artist.returncode, size=len(drawn))
            return None
        return drawn
