"""Kills bots: at any moment, and just when a question or an answer is stored."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from rocketchat_simulator import MessageStored, User, Workspace
from tests.stress.bot_program import BotProgram
from tests.stress.shared import pause, subscribe_to_messages
from tests.support.deadlines import SLOWNESS

_MESSAGE_TIMEOUT_S = 4.0
_START_TIMEOUT_S = 8.0
_MAX_ANSWERS = 30
_MAX_QUESTIONS = 10
# Shares of all kills: of bots that listen, at any moment, and up to those at an answer.
_SHARE_LISTENING = 0.7
_SHARE_AT_ONCE = 0.3
_SHARE_AT_ANSWER = 0.7


class Killer:
    """Kills or stops bots until it is over."""

    def __init__(
        self, workspace: Workspace, bot: User, programs: Sequence[BotProgram], random: Random
    ) -> None:
        self._workspace = workspace
        self._bot = bot
        self._programs = programs
        self._random = random

    async def run(self, until: asyncio.Event, gap: float) -> None:
        """Kill every ``gap`` seconds on average, each bot in turn."""
        turn = 0
        while not until.is_set():
            await pause(until, self._random.expovariate(1 / gap))
            if not until.is_set():
                await self._kill(self._programs[turn % len(self._programs)])
                turn += 1

    async def _kill(self, program: BotProgram) -> None:
        if self._random.random() < _SHARE_LISTENING:
            # On a busy machine it would otherwise be killed before it does any work.
            with suppress(TimeoutError):
                await program.wait_until_listening(_START_TIMEOUT_S * SLOWNESS)
        chance = self._random.random()
        if chance < _SHARE_AT_ONCE:
            program.stop() if self._random.random() < _SHARE_AT_ONCE else program.kill()
            return
        await self._kill_at_message(program, by_bot=chance < _SHARE_AT_ANSWER)

    async def _kill_at_message(self, program: BotProgram, *, by_bot: bool) -> None:
        """Kill when an answer is stored, before the bot is told so; or just after a question."""
        is_reached = asyncio.Event()
        left = self._random.randint(1, _MAX_ANSWERS if by_bot else _MAX_QUESTIONS)

        def count(message: MessageStored) -> None:
            nonlocal left
            is_by_bot = message.message["u"]["_id"] == self._bot.id
            left -= is_by_bot is by_bot
            if left <= 0 and not is_reached.is_set():
                is_reached.set()
                if by_bot:
                    program.kill()

        unsubscribe = subscribe_to_messages(self._workspace, count)
        with suppress(TimeoutError):
            async with asyncio.timeout(_MESSAGE_TIMEOUT_S):
                await is_reached.wait()
        unsubscribe()
        if not by_bot:
            await asyncio.sleep(self._random.uniform(0.0, 0.3))
            program.kill()
