"""One run, from a quiet start to the counting at the end."""

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
from tests.stress.bot_program import BotProgram, read_memory
from tests.stress.shared import pause
from tests.stress.torture.crowd import Crowd, Place
from tests.stress.torture.faults import FaultInjector
from tests.stress.torture.killer import Killer
from tests.stress.torture.ledger import Ledger, count
from tests.stress.torture.plan import Amount, Outcome, Plan
from tests.stress.torture.scene import Scene, connect, open_scene
from tests.stress.torture.storage import PostgresDatabase, SqliteFile, Storage
from tests.support.deadlines import DEADLINE_S
from tests.support.programs import write_config

_CONNECTED = 12
_SETTLE_TIMEOUT_S = 90.0  # longer than any claim, any pause and any fault
_TELL_EVERY_S = 60.0


async def torture(plan: Plan) -> Outcome:
    """Run it; return the results."""
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
    async with open_scene(
        folder, plan.people, skew=skew, is_streamer=is_streamer, storage_url=plan.storage_url
    ) as scene:
        ends: Counter[str] = Counter()
        config = write_config(folder / "bot.toml", scene.stage.settings)
        programs = [
            BotProgram(config, folder / f"bot{number}.log", ends) for number in range(plan.bots)
        ]
        run = _Run(plan, scene, programs, random, _make_storage(plan, folder))
        async with asyncio.TaskGroup() as tasks:
            for program in programs:
                tasks.create_task(program.run())
            lasted = await run.run()
            await asyncio.gather(*(program.end() for program in programs))
        run.crowd.close()
        _write_down(scene, folder / "talk.txt")
        heard = _read_bot(scene, run.earlier)
        counts = count(run.ledger, heard)
        server = "ddp-streamer" if is_streamer else "monolith"
        return Outcome(counts, run.faults.counts, ends, lasted, skew, server, run.memory)


class _Run:
    def __init__(
        self,
        plan: Plan,
        scene: Scene,
        programs: Sequence[BotProgram],
        random: Random,
        storage: Storage,
    ) -> None:
        self._plan = plan
        self._scene = scene
        self._programs = programs
        self._storage = storage
        simulator, people = scene.stage.simulator, scene.stage.people
        self.ledger = Ledger(people.bot.id)
        self.earlier: frozenset[str] = frozenset()
        self.memory: list[float] = []
        place = Place(simulator.workspace, people.bot, scene.channels)
        self.crowd = Crowd(
            place, scene.members, self.ledger, random, lambda: not self.faults.is_losing
        )
        self.faults = FaultInjector(
            simulator=simulator,
            storage=storage,
            crowd=self.crowd,
            ledger=self.ledger,
            onlooker=people.bob,
            random=random,
        )
        self._killer = Killer(simulator.workspace, people.bot, programs, random)

    async def run(self) -> float:
        """Return how many seconds the last answers took after the last fault."""
        for program in self._programs:
            await program.wait_until_listening()
        for member in self._scene.members[:_CONNECTED]:
            await connect(self._scene, member)
        self.earlier = frozenset(each["_id"] for each in _read_bot(self._scene, frozenset()))
        await self._run_faults()
        clock = asyncio.get_running_loop().time
        quiet_since = clock()
        await self.crowd.wait_for_answers(_SETTLE_TIMEOUT_S)
        lasted = clock() - quiet_since
        await self._wait_until_finished()
        await asyncio.sleep(self._plan.quiet)
        self.memory = [read_memory(program.pid) for program in self._programs if program.pid]
        return lasted

    async def _wait_until_finished(self) -> None:
        # A claim of a killed bot is taken over, and its message could be answered again.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_TIMEOUT_S):
                while await self._storage.count_unfinished():  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.2)

    async def _run_faults(self) -> None:
        plan, over = self._plan, asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crowd.talk(over, plan.gap))
            tasks.create_task(self.faults.run(over, plan.fault_gap))
            tasks.create_task(self._killer.run(over, plan.kill_gap))
            tasks.create_task(self._tell(over))
            await asyncio.sleep(plan.seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(plan.seconds, DEADLINE_S)):
                    while not self._tried.reaches(plan.minimum):  # noqa: ASYNC110 - many things change it
                        await asyncio.sleep(1)
            over.set()

    @property
    def _tried(self) -> Amount:
        kills = sum(program.kills for program in self._programs)
        return Amount(len(self.ledger.commands), self.faults.counts.total(), kills)

    async def _tell(self, over: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        while not over.is_set():
            await pause(over, _TELL_EVERY_S)
            seconds, tried = asyncio.get_running_loop().time() - began, self._tried
            self._plan.tell(f"{seconds:.0f} s: {tried}; {self.crowd.unanswered} not answered yet")


def _make_storage(plan: Plan, folder: Path) -> Storage:
    if plan.storage_url.startswith("postgresql"):
        return PostgresDatabase(plan.storage_url)
    return SqliteFile(folder / "bot.db")


def _write_down(scene: Scene, path: Path) -> None:
    """Write down what was said, room by room, to find out what went wrong."""
    workspace = scene.stage.simulator.workspace
    with path.open("w") as file:
        for room in workspace.rooms.of(scene.stage.people.bot):
            for each in workspace.messages.of(room):
                who, at = each["u"]["username"], each["ts"].isoformat(timespec="milliseconds")
                file.write(f"{room.id} {at} {who} {each['_id']} {each['msg']!r}\n")


def _read_bot(scene: Scene, without: frozenset[str]) -> list[Document]:
    """Return what the bot said, as the workspace has it."""
    workspace, bot = scene.stage.simulator.workspace, scene.stage.people.bot
    said = [each for room in workspace.rooms.of(bot) for each in workspace.messages.of(room)]
    own = [each for each in said if each["u"]["_id"] == bot.id and "t" not in each]
    return [each for each in own if each["_id"] not in without]
