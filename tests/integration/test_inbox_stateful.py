"""Inbox, catch-up and checkpoint under every order of events that hypothesis can think of."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from bot.storage.database import open_database
from tests.integration.inbox_world import PEOPLE, KilledError, Process, World

PROCESSES = ("first", "second")
LONGER_THAN_A_CLAIM = 11.0


class Conversation(RuleBasedStateMachine):
    """People talk; processes come, go, are cut off and killed."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.world = World()
        self.processes: dict[str, Process] = {}
        self.starts = 0
        url = f"sqlite:///{Path(self.folder.name) / 'bot.db'}"
        self.database = self.run(self.stack.enter_async_context(open_database(url)))
        # The very first start, before which nothing is answered.
        self.start(PROCESSES[0])
        self.world.now += timedelta(seconds=1)

    def run(self, work: Any) -> Any:  # noqa: ANN401 - any coroutine and its outcome
        return self.runner.run(work)

    def start(self, name: str) -> None:
        self.starts += 1
        process = Process(self.world, self.database, f"{name} {self.starts}")
        self.processes[name] = process
        self.run(process.connect())

    def kill(self, name: str) -> None:
        self.processes.pop(name).drop()

    @rule(person=st.sampled_from(PEOPLE), later=st.sampled_from([0.0, 0.0, 0.0, 2.0, 200.0]))
    def say(self, person: str, later: float) -> None:
        self.world.say(person, later)

    @precondition(lambda self: self.world.said)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.world.said))
        for process in self.world.listening:
            process.intake.hear(message)

    @rule(name=st.sampled_from(PROCESSES), chatter=st.integers(0, 2), breaks=st.booleans())
    def come(self, name: str, chatter: int, breaks: bool) -> None:
        process = self.processes.get(name)
        self.world.said_while_fetching = chatter
        self.world.breaks_while_fetching = breaks
        if process is None:
            self.start(name)
        elif not process.is_live:
            self.run(process.connect())
        self.world.said_while_fetching = 0
        self.world.breaks_while_fetching = False

    @rule(name=st.sampled_from(PROCESSES))
    def lose_connection(self, name: str) -> None:
        if name in self.processes:
            self.processes[name].drop()

    @rule(name=st.sampled_from(PROCESSES))
    def be_killed(self, name: str) -> None:
        if name in self.processes:
            self.kill(name)

    @rule(name=st.sampled_from(PROCESSES))
    def stop_in_good_order(self, name: str) -> None:
        if name in self.processes:
            self.run(self.processes[name].desk.release())
            self.kill(name)

    @rule(is_reachable=st.booleans())
    def cut_or_mend(self, is_reachable: bool) -> None:
        self.world.is_reachable = is_reachable

    @rule(name=st.sampled_from(PROCESSES))
    def take_in(self, name: str) -> None:
        if name in self.processes:
            self.run(self.processes[name].intake.take_in())

    @rule(name=st.sampled_from(PROCESSES), seconds=st.sampled_from([0.0, 5.0, LONGER_THAN_A_CLAIM]))
    def look_round(self, name: str, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)
        if name in self.processes:
            self.run(self.processes[name].desk.renew())
            self.run(self.processes[name].desk.take_over())

    @rule(
        name=st.sampled_from(PROCESSES),
        person=st.sampled_from(PEOPLE),
        how=st.sampled_from(["well", "well", "failing", "killed before", "killed after"]),
    )
    def work(self, name: str, person: str, how: str) -> None:
        process = self.processes.get(name)
        if process is None:
            return
        process.answers.script = [how]
        try:
            self.run(process.lanes.work(person))
        except KilledError:
            self.kill(name)

    def teardown(self) -> None:
        """Let all come to rest: then each is answered once, and everybody's in order."""
        try:
            self.come_to_rest()
            for person in PEOPLE:
                mine = [each.id for each in self.world.said if each.sender.id == person]
                assert [each for each in self.world.answered if each in mine] == mine
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    def come_to_rest(self) -> None:
        self.world.is_reachable = True
        for name in list(self.processes):
            self.kill(name)
        self.start(PROCESSES[0])
        process = self.processes[PROCESSES[0]]
        for _ in range(3 * len(self.world.said) + 3):
            self.world.now += timedelta(seconds=LONGER_THAN_A_CLAIM)
            self.run(process.desk.renew())
            self.run(process.desk.take_over())
            for person in PEOPLE:
                self.run(process.lanes.work(person))


Conversation.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, print_blob=True
)
TestConversation = Conversation.TestCase
