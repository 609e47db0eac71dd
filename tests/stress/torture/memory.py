"""How the bot's memory grows over many frames that it ignores and many commands."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from rocketchat_simulator import Workspace
from tests.stress.torture.crowd import Crowd, Member, Place
from tests.stress.torture.ledger import Ledger
from tests.stress.torture.programs import Program, read_memory, write_config
from tests.stress.torture.scene import World, open_world

_MINUTE = 61.0
_MAX_A_MINUTE = 18
_MAX_GROWTH = 1.1


@dataclass(frozen=True)
class MemoryPlan:
    """How much is said; ``frames`` are ignored ones, in a channel the bot is not in.

    No more than ``seconds`` may go by.
    """

    commands: int = 10_000
    first: int = 1_000
    frames: int = 100_000
    people: int = 200
    seconds: float = 360.0


@dataclass(frozen=True)
class Growth:
    """Resident memory in MiB."""

    before: float
    after: float

    @property
    def is_small(self) -> bool:
        """Whether it grew by less than a tenth."""
        return self.after <= self.before * _MAX_GROWTH


async def measure_memory(plan: MemoryPlan, tell: Callable[[str], None]) -> Growth:
    """Have it all said, and look at the bot's memory after the first part and in the end."""
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        async with open_world(plan.people, timedelta(), is_streamer=False) as world:
            config = folder / "bot.toml"
            database = f"sqlite:///{folder / 'bot.db'}"
            write_config(config, world.simulator.url, world.people, database, world.key)
            program = Program(config, folder / "bot.log", Counter())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(program.run())
                await program.wait_until_listening()
                async with asyncio.timeout(plan.seconds):
                    growth = await _measure(plan, world, program, tell)
                await program.end()
    return growth


async def _measure(
    plan: MemoryPlan, world: World, program: Program, tell: Callable[[str], None]
) -> Growth:
    place = Place(world.simulator.workspace, world.people.bot, ())
    ledger = Ledger(world.people.bot.id)
    crowd = Crowd(place, world.members, ledger, Random(1))  # noqa: S311 - no secret
    talk = _Talk(crowd, world)
    await talk.say(plan.first, plan.frames * plan.first // plan.commands)
    before = read_memory(program.pid)
    tell(f"after {talk.frames} ignored frames and {talk.commands} commands: {before:.1f} MiB")
    await talk.say(plan.commands - plan.first, plan.frames - talk.frames)
    after = read_memory(program.pid)
    tell(f"after {talk.frames} ignored frames and {talk.commands} commands: {after:.1f} MiB")
    tell(f"growth: {100 * (after / before - 1):+.1f} %")
    crowd.close()
    return Growth(before, after)


class _Talk:
    """Says so much, as fast as the bot answers and its manners allow."""

    def __init__(self, crowd: Crowd, world: World) -> None:
        self._crowd = crowd
        self._world = world
        self._left = 0
        self.commands = self.frames = 0

    async def say(self, commands: int, frames: int) -> None:
        self._left = commands
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._babble(frames, commands))
            for member in self._world.members:
                tasks.create_task(self._ask(member))

    async def _ask(self, member: Member) -> None:
        clock = asyncio.get_running_loop().time
        while self._left:
            self._left -= 1
            began = clock()
            key = self._crowd.next_key()
            await self._crowd.ask(member, f"!help {key}", key)
            self.commands += 1
            await asyncio.sleep(max(0.0, _MINUTE / _MAX_A_MINUTE - (clock() - began)))

    async def _babble(self, frames: int, commands: int) -> None:
        """Send frames in step with the commands."""
        workspace = self._world.simulator.workspace
        strangers = _find_strangers(workspace, self._world)
        start, sent = self.commands, 0
        while sent < frames:
            due = min(frames, 1 + frames * (self.commands - start) // commands)
            for _ in range(max(0, due - sent)):
                workspace.publish_again(strangers)
                self.frames += 1
                sent += 1
            await asyncio.sleep(0.01)


def _find_strangers(workspace: Workspace, world: World) -> dict[str, object]:
    room = workspace.rooms.find_by_name("strangers") or workspace.make_channel(
        "strangers", [world.people.alice, world.people.bob]
    )
    return workspace.say(world.people.alice, room, "nothing for a bot, but long " * 20)
