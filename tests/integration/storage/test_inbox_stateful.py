"""Inbox, catch-up and checkpoint under every order of events that hypothesis can think of."""

import asyncio
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.storage.database import open_database
from tests.integration.storage.inbox_model import PEOPLE, KilledError, Process, World
from tests.support.fuzzing import scale_examples

PROCESSES = ("first", "second")
LONGER_THAN_A_CLAIM = 11.0
SOMEBODY = st.sampled_from(PEOPLE)
# Shorter and longer than what is looked at twice.
PAUSES = st.sampled_from([0.0, 0.0, LONGER_THAN_A_CLAIM, 200.0])
DEADLY = st.sampled_from([*[""] * 5, *World.DEADLY_MOMENTS])
HOW = st.sampled_from(["well", "well", "failing", "killed before", "killed after"])


class Conversation(RuleBasedStateMachine):
    """People talk; processes come, go, are cut off and killed."""

    inputs: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stack = AsyncExitStack()
        self.world = World()
        self.processes: dict[str, Process] = {}
        self.lost: set[str] = set()
        self.starts = 0
        url = f"sqlite:///{Path(self.folder.name) / 'bot.db'}"
        self.database = self.run(self.stack.enter_async_context(open_database(url)))
        # The very first start, before which nothing is answered.
        self.start(PROCESSES[0])
        self.world.now += timedelta(seconds=1)

    def run(self, work: Any) -> Any:  # noqa: ANN401 - any coroutine and its outcome
        return self.runner.run(work)

    def start(self, name: str, deadly: str = "") -> None:
        self.starts += 1
        process = Process(self.world, self.database, f"{name} {self.starts}")
        self.processes[name] = process
        self.attempt(name, process.connect(), deadly)

    def attempt(self, name: str, work: Any, deadly: str = "") -> Any:  # noqa: ANN401 - the same
        """Let a process do something; it may be killed in it."""
        self.world.deadly = deadly
        try:
            return self.run(work)
        except BaseException as error:
            if not _is_killing(error):
                raise
            self.kill(name)
        finally:
            self.world.deadly = ""

    def kill(self, name: str) -> None:
        self.processes.pop(name).drop()

    def pick(self, data: st.DataObject) -> tuple[str, Process]:
        name = data.draw(st.sampled_from(sorted(self.processes)))
        return name, self.processes[name]

    @invariant()
    def count_step(self) -> None:
        self.inputs["steps of people and processes at one inbox"] += 1

    @rule(person=SOMEBODY, is_lost=st.booleans(), later=PAUSES)
    def say(self, person: str, is_lost: bool, later: float) -> None:
        message = self.world.say(person, is_lost=is_lost)
        if is_lost:
            self.lost.add(message.id)
        self.world.now += timedelta(seconds=later)

    @precondition(lambda self: self.world.said)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.world.said))
        for process in self.world.listening:
            process.receiver.hear(message)

    @rule(
        name=st.sampled_from(PROCESSES), chatter=st.integers(0, 2), breaks=st.booleans(), how=DEADLY
    )
    def come(self, name: str, chatter: int, breaks: bool, how: str) -> None:
        process = self.processes.get(name)
        self.world.said_while_fetching = chatter
        self.world.breaks_while_fetching = breaks
        if process is None:
            self.start(name, how)
        elif not process.is_live:
            self.attempt(name, process.connect(), how)
        self.world.said_while_fetching = 0
        self.world.breaks_while_fetching = False

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), how=st.sampled_from(["cut off", "killed", "in good order"]))
    def go(self, data: st.DataObject, how: str) -> None:
        name, process = self.pick(data)
        if how == "in good order":
            self.run(process.claims.release())
        if how == "cut off":
            process.drop()
        else:
            self.kill(name)

    @rule(is_reachable=st.sampled_from([False, True, True]))
    def cut_or_mend(self, is_reachable: bool) -> None:
        self.world.is_reachable = is_reachable

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), deadly=DEADLY)
    def take_in(self, data: st.DataObject, deadly: str) -> None:
        name, process = self.pick(data)
        self.attempt(name, process.receiver.save_heard(), deadly)

    @precondition(lambda self: self.world.listening and self.world.is_reachable)
    @rule(data=st.data(), deadly=DEADLY, later=PAUSES)
    def recheck(self, data: st.DataObject, deadly: str, later: float) -> None:
        name, process = self.pick(data)
        # As a connection does that has not delivered everything.
        if process.is_live and self.attempt(name, process.receiver.recheck(), deadly):
            process.drop()
        self.world.now += timedelta(seconds=later)

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), later=PAUSES)
    def look_round(self, data: st.DataObject, later: float) -> None:
        _, process = self.pick(data)
        self.world.now += timedelta(seconds=later)
        self.run(process.claims.renew())
        self.run(process.claims.take_over())

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), person=SOMEBODY, how=HOW)
    def work(self, data: st.DataObject, person: str, how: str) -> None:
        name, process = self.pick(data)
        process.responder.script = [how]
        self.attempt(name, process.queues.work(person))

    def teardown(self) -> None:
        """Let all come to rest: then each is answered once, and everybody's in order."""
        try:
            self.come_to_rest()
            assert sorted(self.world.answered) == sorted(each.id for each in self.world.said)
            for person in PEOPLE:
                # What the stream has lost is answered when it is found.
                mine = [each.id for each in self.world.said if each.sender.id == person]
                mine = [each for each in mine if each not in self.lost]
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
            self.run(process.claims.renew())
            self.run(process.claims.take_over())
            for person in PEOPLE:
                self.run(process.queues.work(person))


def _is_killing(error: BaseException) -> bool:
    """Return whether it is the killing of a process, or came of it in a group of tasks."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(KilledError) is not None
    return isinstance(error, KilledError)


@pytest.mark.hypothesis
def test_whatever_happens_each_message_is_answered_once_and_in_order(inputs: Counter[str]) -> None:
    conversation = type("Conversation", (Conversation,), {"inputs": inputs})
    run_state_machine_as_test(
        conversation,
        settings=scale_examples(100, stateful_step_count=40),
    )
