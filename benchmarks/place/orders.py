"""What a measurement may have done in the workspace; an order's answer is what came of it."""

import asyncio
import gc
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.place.ledger import Command
from benchmarks.place.talk import Talk
from rocketchat_simulator import Outage, Simulator

Outcome = dict[str, Any]
_CLOSED_FOR_RESTART = 1001


class Orders:
    """Carries orders out: the method of that name, with the order's arguments."""

    def __init__(self, simulator: Simulator, talk: Talk) -> None:
        self._simulator = simulator
        self._talk = talk

    async def carry_out(self, name: str, arguments: dict[str, Any]) -> Outcome:
        """Do it; return what was said, what the bot had said before, and the CPU time it took."""
        cpu = time.process_time()
        told = await getattr(self, f"do_{name}")(**arguments)
        outcome = told if isinstance(told, dict) else {"commands": _show(told or ())}
        return outcome | {"cpu": time.process_time() - cpu, "strays": self._talk.strays}

    async def do_wake(self, text: str, seconds: float, gap: float = 0.1) -> Sequence[Command]:
        """Say a command again and again until the bot answers."""
        return await self._talk.wake(text, seconds, gap)

    async def do_serial(self, text: str, count: int, seconds: float = 5.0) -> Sequence[Command]:
        """Say commands, each after the answer to the one before."""
        return await self._talk.serial(text, count, seconds)

    async def do_paced(
        self, text: str, count: int, gap: float, seconds: float = 5.0
    ) -> Sequence[Command]:
        """Say commands at a steady pace."""
        return await self._talk.paced(text, count, gap, seconds)

    async def do_burst(self, text: str, count: int, seconds: float = 5.0) -> Sequence[Command]:
        """Say commands all at once."""
        return await self._talk.burst(text, count, seconds)

    async def do_babble(
        self, text: str, count: int, frames: int, seconds: float = 20.0
    ) -> Sequence[Command]:
        """Say commands in the middle of what is nothing to the bot."""
        return await self._talk.babble(text, count, frames, seconds)

    async def do_slow_down(self, route: str, delay: float, times: int) -> None:
        """Let the next answers of a REST route come late, in seconds."""
        self._simulator.faults.clear()
        if times:
            self._simulator.faults.delay_answer(route, delay, times=times)

    async def do_outage(
        self, kind: str, lasting: float, text: str, count: int
    ) -> Sequence[Command]:
        """Be away for so many seconds, while people say commands all the same."""
        said: list[Command] = []
        async with self._simulator.outage(Outage[kind]):
            for _ in range(count):
                await asyncio.sleep(lasting / (count + 1))
                said.append(self._talk.say(text))
            await asyncio.sleep(lasting / (count + 1))
        return said

    async def do_cut(self, how: str) -> Outcome:
        """End every connection: ``close`` with a word, or ``hang`` it half-open; give when."""
        if how == "close":
            self._simulator.realtime.close_all(_CLOSED_FOR_RESTART)
        else:
            self._simulator.realtime.hang()
        return {"at": time.monotonic()}

    async def do_say(self, text: str, count: int) -> Sequence[Command]:
        """Say commands without waiting for answers."""
        return [self._talk.say(text) for _ in range(count)]

    async def do_look(self, ids: Sequence[str]) -> Sequence[Command]:
        """Return how commands said before stand now."""
        return self._talk.find(ids)

    async def do_wait(self, ids: Sequence[str], seconds: float) -> Sequence[Command]:
        """Wait for the answers to commands said before; ``seconds`` is for want of any."""
        found = self._talk.find(ids)
        await self._talk.wait_for(found, seconds)
        return found

    async def do_repeat(self, ids: Sequence[str], changes: dict[str, Any]) -> None:
        """Publish messages again with changed fields, as the server does often."""
        for command in self._talk.find(ids):
            self._talk.say_again(command, **changes)

    async def do_hear(self, count: int, seconds: float) -> Outcome:
        """Wait until the bot has said so much in all, commanded or not; give when."""
        return {"answers": await self._talk.hear(count, seconds)}

    async def do_sign_in(
        self, count: int, within: float, text: str, questions: int, gap: float
    ) -> Outcome:
        """Let people sign in with a new device, while others say commands; give where and when."""
        said, signed_in = await asyncio.gather(
            self._talk.paced(text, questions, gap, seconds=2 * within),
            self._talk.sign_in(count, within),
        )
        return {"commands": _show(said), "signed_in": signed_in}

    async def do_hear_in(self, since: Sequence[tuple[str, float]], seconds: float) -> Outcome:
        """Wait until the bot has spoken in rooms, each since a moment; give when, None if not."""
        return {"heard": await self._talk.hear_in(since, seconds)}

    async def do_limit(self, calls: int) -> None:
        """Change the REST limit to so many calls a minute."""
        self._simulator.limits.change(calls, 60.0)

    async def do_rest(self, seconds: float) -> None:
        """Wait until the bot has been silent for so long."""
        await self._talk.rest(seconds)

    async def do_settle(self) -> None:
        """Keep the collector of garbage from walking through what is there already."""
        gc.collect()
        gc.freeze()

    async def do_count_calls(self) -> Outcome:
        """Count the REST calls so far, by route."""
        calls: dict[str, int] = {}
        for request in self._simulator.requests:
            calls[request.path] = calls.get(request.path, 0) + 1
        return {"calls": calls}


def _show(said: Sequence[Command]) -> list[list[Any]]:
    return [[each.id, each.said_at, each.replies] for each in said]
