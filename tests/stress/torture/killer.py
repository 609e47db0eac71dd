"""Kills bots: at any moment, and at the worst ones."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from rocketchat_simulator import Event, MessageStored, User, Workspace
from tests.stress.torture.programs import Program

_MAX_WAIT = 4.0
_MAX_START = 8.0
_AT_WORK = 0.7
_MAX_ANSWERS = 30
_MAX_QUESTIONS = 10
_NOW = 0.3
_ON_ANSWER = 0.7


class Killer:
    """Kills until stopped, sometimes just when an answer or a question has been stored."""

    def __init__(
        self, workspace: Workspace, bot: User, programs: Sequence[Program], random: Random
    ) -> None:
        self._workspace = workspace
        self._bot = bot
        self._programs = programs
        self._random = random

    async def run(self, until: asyncio.Event, gap: float) -> None:
        """Kill every ``gap`` seconds on average, each bot in turn."""
        turn = 0
        while not until.is_set():
            await _pause(until, self._random.expovariate(1 / gap))
            if not until.is_set():
                await self._kill(self._programs[turn % len(self._programs)])
                turn += 1

    async def _kill(self, program: Program) -> None:
        if self._random.random() < _AT_WORK:
            # On a busy machine it would otherwise never come to its work.
            with suppress(TimeoutError):
                await program.wait_until_listening(_MAX_START)
        chance = self._random.random()
        if chance < _NOW:
            program.stop() if self._random.random() < _NOW else program.kill()
            return
        await self._kill_at_a_bad_moment(program, by_bot=chance < _ON_ANSWER)

    async def _kill_at_a_bad_moment(self, program: Program, *, by_bot: bool) -> None:
        """Kill when words of the bot's are stored, before it knows; or just after a question."""
        struck = asyncio.Event()
        left = self._random.randint(1, _MAX_ANSWERS if by_bot else _MAX_QUESTIONS)

        def strike(message: MessageStored) -> None:
            nonlocal left
            is_by_bot = message.message["u"]["_id"] == self._bot.id
            left -= is_by_bot is by_bot
            if left <= 0 and not struck.is_set():
                struck.set()
                if by_bot:
                    program.kill()

        unsubscribe = self._workspace.subscribe(_only_messages(strike))
        with suppress(TimeoutError):
            async with asyncio.timeout(_MAX_WAIT):
                await struck.wait()
        unsubscribe()
        if not by_bot:
            await asyncio.sleep(self._random.uniform(0.0, 0.3))
            program.kill()


def _only_messages(take: Callable[[MessageStored], None]) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if isinstance(event, MessageStored):
            take(event)

    return listen


async def _pause(until: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
