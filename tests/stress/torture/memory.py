"""Measures how the bot's memory grows over many ignored frames and many commands."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rocketchat_simulator import Workspace
from tests.stress.bot_program import BotProgram, read_memory
from tests.stress.torture.crowd import Crowd, Member, Place
from tests.stress.torture.ledger import Ledger
from tests.stress.torture.scene import Scene, open_scene
from tests.support.programs import write_config

_MINUTE_S = 61.0
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
        """Return whether it grew by less than a tenth."""
        return self.after <= self.before * _MAX_GROWTH


async def measure_memory(plan: MemoryPlan, tell: Callable[[str], None]) -> Growth:
    """Measure the bot's memory after the first commands and after all."""
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        async with open_scene(folder, plan.people) as scene:
            config = write_config(folder / "bot.toml", scene.stage.settings)
            program = BotProgram(config, folder / "bot.log", Counter())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(program.run())
                await program.wait_until_listening()
                async with asyncio.timeout(plan.seconds):
                    growth = await _measure(plan, scene, program, tell)
                await program.end()
    return growth


async def _measure(
    plan: MemoryPlan, scene: Scene, program: BotProgram, tell: Callable[[str], None]
) -> Growth:
    place = Place(scene.stage.simulator.workspace, scene.stage.people.bot, ())
    ledger = Ledger(scene.stage.people.bot.id)
    crowd = Crowd(place, scene.members, ledger, Random(1))  # noqa: S311 - no secret
    talk = _Talk(crowd, scene)
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
    """Says so much, as fast as the bot answers and its limit per person allows."""

    def __init__(self, crowd: Crowd, scene: Scene) -> None:
        self._crowd = crowd
        self._scene = scene
        self._left = 0
        self.commands = self.frames = 0

    async def say(self, commands: int, frames: int) -> None:
        self._left = commands
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_ignored(frames, commands))
            for member in self._scene.members:
                tasks.create_task(self._ask(member))

    async def _ask(self, member: Member) -> None:
        clock = asyncio.get_running_loop().time
        while self._left:
            self._left -= 1
            began = clock()
            key = self._crowd.next_key()
            await self._crowd.ask(member, f"!help {key}", key)
            self.commands += 1
            await asyncio.sleep(max(0.0, _MINUTE_S / _MAX_A_MINUTE - (clock() - began)))

    async def _publish_ignored(self, frames: int, commands: int) -> None:
        """Send frames in step with the commands."""
        workspace = self._scene.stage.simulator.workspace
        ignored = _say_ignored(workspace, self._scene)
        start, sent = self.commands, 0
        while sent < frames:
            due = min(frames, 1 + frames * (self.commands - start) // commands)
            for _ in range(max(0, due - sent)):
                workspace.publish_again(ignored)
                self.frames += 1
                sent += 1
            await asyncio.sleep(0.01)


def _say_ignored(workspace: Workspace, scene: Scene) -> dict[str, object]:
    alice = scene.stage.people.alice
    room = workspace.rooms.find_by_name("elsewhere") or workspace.make_channel(
        "elsewhere", [alice, scene.stage.people.bob]
    )
    return workspace.say(alice, room, "nothing for a bot, but long " * 20)
