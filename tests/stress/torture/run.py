"""One torture run, from a quiet start to the count in the end."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

from rocketchat_simulator import Document
from tests.stress.torture.crowd import Crowd, Place
from tests.stress.torture.killer import Killer
from tests.stress.torture.ledger import Ledger, count
from tests.stress.torture.plan import Amount, Outcome, Plan
from tests.stress.torture.programs import Program, read_memory, write_config
from tests.stress.torture.scene import World, connect, open_world
from tests.stress.torture.storage import PostgresDatabase, SqliteFile, Storage
from tests.stress.torture.troubles import Scene, Troubles

_CONNECTED = 12
_PATIENCE = 90.0  # longer than any claim, any pause and any fault
_TELL_EVERY = 60.0


async def torture(plan: Plan) -> Outcome:
    """Do it."""
    folder = plan.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    folder.mkdir(parents=True, exist_ok=True)
    outcome = await _torture(plan, folder)
    if plan.folder is None and outcome.is_clean:
        shutil.rmtree(folder)
    else:
        plan.tell(f"logs, database and what was said: {folder}")
    return outcome


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
        self._storage = storage
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
        """Live through it; return how long the last answers took once it was quiet."""
        for program in self._programs:
            await program.wait_until_listening()
        for member in self._world.members[:_CONNECTED]:
            await connect(self._world, member)
        self.earlier = frozenset(each["_id"] for each in _read_bot(self._world, frozenset()))
        await self._suffer()
        clock = asyncio.get_running_loop().time
        quiet_since = clock()
        await self.crowd.wait_for_answers(_PATIENCE)
        lasted = clock() - quiet_since
        await self._wait_until_finished()
        await asyncio.sleep(self._plan.afterthoughts)
        self.memory = [read_memory(program.pid) for program in self._programs if program.pid]
        return lasted

    async def _wait_until_finished(self) -> None:
        # Answered is not finished: a claim of the dead is taken over, and may be answered again.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while await self._storage.count_unfinished():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.2)

    async def _suffer(self) -> None:
        plan, over = self._plan, asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crowd.talk(over, plan.gap))
            tasks.create_task(self.troubles.run(over, plan.fault_gap))
            tasks.create_task(self._killer.run(over, plan.kill_gap))
            tasks.create_task(self._tell(over))
            await asyncio.sleep(plan.seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(plan.seconds):
                    while not self._tried.reaches(plan.least):  # noqa: ASYNC110 - many things change it
                        await asyncio.sleep(1)
            over.set()

    @property
    def _tried(self) -> Amount:
        kills = sum(program.kills for program in self._programs)
        return Amount(len(self.ledger.commands), self.troubles.counts.total(), kills)

    async def _tell(self, over: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        while not over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_TELL_EVERY):
                    await over.wait()
            seconds, tried = asyncio.get_running_loop().time() - began, self._tried
            self._plan.tell(f"{seconds:.0f} s: {tried}; {self.crowd.unanswered} not answered yet")


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
    """Return what the bot said, as the workspace has it."""
    workspace, bot = world.simulator.workspace, world.people.bot
    said = [each for room in workspace.rooms.of(bot) for each in workspace.messages.of(room)]
    own = [each for each in said if each["u"]["_id"] == bot.id and "t" not in each]
    return [each for each in own if each["_id"] not in but]
