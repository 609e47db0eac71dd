"""Find which functions of ``bot/`` run between a person's ``!session`` and the bot's reply."""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import bot
from rocketchat_simulator import Event, MessageStored
from tests.support.stage import open_stage

_HOUSE = Path(bot.__file__).parent
_QUESTION = "!session 1"


class Trace:
    """Notes the functions that run, in this thread and in those that it starts."""

    def __init__(self) -> None:
        self.functions: set[tuple[str, str]] = set()
        self._is_on = False

    @contextmanager
    def install(self) -> Iterator[None]:
        """Install the profiler in this thread and in those that it starts."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def start(self) -> None:
        self._is_on = True

    def stop(self) -> None:
        self._is_on = False

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if not self._is_on or event != "call":
            return
        code = frame.f_code
        path = Path(code.co_filename)
        if code.co_name != "<module>" and path.is_relative_to(_HOUSE):
            self.functions.add((str(path.relative_to(_HOUSE.parent)), code.co_qualname))


async def _run(trace: Trace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A clock that stands still keeps scheduled work out.
        async with open_stage(Path(folder), start=datetime(2027, 1, 15, tzinfo=UTC)) as stage:
            alice = await stage.meet_connected("alice")
            # What runs only the first time is no part of the way.
            await alice.ask(_QUESTION)

            def stop_at_reply(event: Event) -> None:
                match event:
                    case MessageStored(message={"u": {"_id": stage.people.bot.id}}):
                        trace.stop()

            stage.simulator.workspace.subscribe(stop_at_reply)
            trace.start()
            await alice.ask(_QUESTION)


def measure_session() -> set[tuple[str, str]]:
    """Return the functions of ``bot/`` that each of three ``!session`` ran: (file, function).

    Background work that happens to fall into one of them is no part of the way.
    """
    return set.intersection(*(_measure_once() for _ in range(3)))


def _measure_once() -> set[tuple[str, str]]:
    trace = Trace()
    with trace.install():
        asyncio.run(_run(trace))
    return trace.functions
