"""One torture run, from a quiet start to the count in the end."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from bot.simulator.documents import Document
from tests.torture.crowd import Crowd, Place
from tests.torture.killer import Killer
from tests.torture.ledger import Figures, Ledger, count
from tests.torture.programs import STOPPED_EARLY, Program, read_memory, write_config
from tests.torture.scene import World, connect, open_world
from tests.torture.storage import PostgresDatabase, SqliteFile, Storage
from tests.torture.troubles import Scene, Troubles

_CONNECTED = 12
_LAST_ANSWERS = 150.0
_AFTERTHOUGHTS = 20.0  # a claim is taken over after 15 s: until then something may come twice


@dataclass(frozen=True)
class Plan:
    """What a run is like; times in seconds, gaps on average.

    ``folder`` is where logs and the database go; they are kept only there.
    """

    seconds: float = 600.0
    seed: int = 1
    bots: int = 1
    database: str = ""
    people: int = 60
    gap: float = 3.6
    fault_gap: float = 1.5
    kill_gap: float = 1.7
    folder: Path | None = None


@dataclass
class Outcome:
    """What came of it."""

    figures: Figures
    faults: Counter[str]
    ends: Counter[str]
    seconds_to_last_answer: float
    skew: timedelta
    flavour: str
    memory: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether the bot has stood it."""
        expected = {"killed", "stopped", STOPPED_EARLY}
        return self.figures.is_clean and self.ends.keys() <= expected


async def torture(plan: Plan) -> Outcome:
    """Do it."""
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = plan.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        return await _torture(plan, folder)


async def _torture(plan: Plan, folder: Path) -> Outcome:
    random = Random(plan.seed)  # noqa: S311 - no secret
    skew = timedelta(seconds=random.randint(-600, 600))
    is_streamer = random.random() < 0.5
    async with open_world(plan.people, skew, is_streamer=is_streamer) as world:
        ends: Counter[str] = Counter()
        programs = [_make_program(plan, folder, world, number, ends) for number in range(plan.bots)]
        run = _Run(plan, world, programs, random, _make_storage(plan, folder))
        async with asyncio.TaskGroup() as tasks:
            for program in programs:
                tasks.create_task(program.run())
            lasted = await run.live()
            await asyncio.gather(*(program.end() for program in programs))
        run.crowd.close()
        _write_down(world, folder / "talk.txt")
        heard = _read_bot(world, run.earlier)
        figures = count(run.ledger, heard)
        flavour = "ddp-streamer" if is_streamer else "monolith"
        return Outcome(figures, run.troubles.counts, ends, lasted, skew, flavour, run.memory)


class _Run:
    def __init__(
        self,
        plan: Plan,
        world: World,
        programs: Sequence[Program],
        random: Random,
        storage: Storage,
    ) -> None:
        self._plan = plan
        self._world = world
        self._programs = programs
        simulator, bot = world.simulator, world.people.bot
        self.ledger = Ledger(bot.id)
        self.earlier: frozenset[str] = frozenset()
        self.memory: list[float] = []
        place = Place(simulator.workspace, bot, world.channels)
        self.crowd = Crowd(
            place, world.members, self.ledger, random, lambda: not self.troubles.is_losing
        )
        scene = Scene(simulator, storage, self.crowd, self.ledger, world.people.bob)
        self.troubles = Troubles(scene, random)
        self._killer = Killer(simulator.workspace, bot, programs, random)

    async def live(self) -> float:
        """Live through it; give how long the last answers took once it was quiet."""
        for program in self._programs:
            await program.wait_until_listening()
        for member in self._world.members[:_CONNECTED]:
            await connect(self._world, member)
        self.earlier = frozenset(each["_id"] for each in _read_bot(self._world, frozenset()))
        await self._suffer()
        clock = asyncio.get_running_loop().time
        quiet_since = clock()
        await self.crowd.wait_for_answers(_LAST_ANSWERS)
        lasted = clock() - quiet_since
        await asyncio.sleep(_AFTERTHOUGHTS)
        self.memory = [read_memory(program.pid) for program in self._programs if program.pid]
        return lasted

    async def _suffer(self) -> None:
        plan, over = self._plan, asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crowd.talk(over, plan.gap))
            tasks.create_task(self.troubles.run(over, plan.fault_gap))
            tasks.create_task(self._killer.run(over, plan.kill_gap))
            with suppress(TimeoutError):
                async with asyncio.timeout(plan.seconds):
                    await over.wait()
            over.set()


def _make_program(
    plan: Plan, folder: Path, world: World, number: int, ends: Counter[str]
) -> Program:
    config = folder / f"bot{number}.toml"
    database = plan.database or f"sqlite:///{folder / 'bot.db'}"
    write_config(config, world.simulator.url, world.people, database, world.key)
    return Program(config, folder / f"bot{number}.log", ends)


def _make_storage(plan: Plan, folder: Path) -> Storage:
    if plan.database.startswith("postgresql"):
        return PostgresDatabase(plan.database)
    return SqliteFile(folder / "bot.db")


def _write_down(world: World, path: Path) -> None:
    """Keep what was said, room by room, to find out what went wrong."""
    workspace = world.simulator.workspace
    with path.open("w") as file:
        for room in workspace.rooms.of(world.people.bot):
            for each in workspace.messages.of(room):
                who, at = each["u"]["username"], each["ts"].isoformat(timespec="milliseconds")
                file.write(f"{room.id} {at} {who} {each['_id']} {each['msg']!r}\n")


def _read_bot(world: World, but: frozenset[str]) -> list[Document]:
    """Give what the bot said, as the workspace has it."""
    workspace, bot = world.simulator.workspace, world.people.bot
    said = [each for room in workspace.rooms.of(bot) for each in workspace.messages.of(room)]
    own = [each for each in said if each["u"]["_id"] == bot.id and "t" not in each]
    return [each for each in own if each["_id"] not in but]
