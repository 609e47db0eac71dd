"""Pictures of timelines, each drawn by a process of its own within a time limit."""

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
_DRAWING_TIMEOUT_S: Final = 10.0
_MAX_CONCURRENT: Final = 2
_PAUSE_S: Final = 3600.0
_MAX_BYTES: Final = 512 * 1024


class Pictures:
    """Draws pictures, unless it is paused or others are being drawn.

    ``seconds`` is a monotonic clock; ``program`` draws, within ``timeout_s``.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        *,
        program: Path = _PROGRAM,
        timeout_s: float = _DRAWING_TIMEOUT_S,
    ) -> None:
        self._timeout_s: Final = timeout_s
        self._seconds: Final = seconds
        self._program: Final = program
        self._drawing = 0
        self._paused_until = 0.0
        self._log = structlog.get_logger("pictures")

    def pause(self) -> None:
        """Draw none for an hour, because the workspace does not accept them."""
        self._paused_until = self._seconds() + _PAUSE_S

    async def draw(self, timeline: Timeline) -> bytes | None:
        """Return a PNG; None where it cannot be drawn now."""
        if self._drawing >= _MAX_CONCURRENT or self._seconds() < self._paused_until:
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
        # Isolated and without an environment, so that it knows no secret of the bot.
        command = (sys.executable, "-I", str(self._program))
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                drawn, _ = await process.communicate(described)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or not drawn or len(drawn) > _MAX_BYTES:
            self._log.warning("a picture was not drawn", status=process.returncode, size=len(drawn))
            return None
        return drawn
