"""The fair queue against a plain model of fairness."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.rocketchat.rate_limit.queue import FairQueue, QueuedCall
from tests.support.fuzzing import scale_examples

USERS = st.sampled_from("abcdef")
IN_A_ROW = 9


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue = FairQueue()
        self.queued: list[QueuedCall] = []
        self.repeats: list[QueuedCall] = []
        self.passed_by: dict[tuple[str, bool], list[str]] = {}
        self.people_in_a_row = 0

    @rule(user=USERS, is_background=st.booleans())
    def add_call(self, user: str, is_background: bool) -> None:
        self.passed_by.setdefault((user, is_background), [])
        self.push(QueuedCall(user, is_background))

    @rule(user=USERS, is_background=st.booleans())
    def add_repeat(self, user: str, is_background: bool) -> None:
        call = QueuedCall(user, is_background, is_repeat=True)
        self.repeats.append(call)
        self.push(call)

    def push(self, call: QueuedCall) -> None:
        self.queue.add(call)
        self.queued.append(call)

    @precondition(lambda self: self.queued)
    @rule(choice=st.integers(0, 99))
    def cancel(self, choice: int) -> None:
        call = self.queued[choice % len(self.queued)]
        self.queue.remove(call)
        self.forget(call)

    @precondition(lambda self: self.queued)
    @rule()
    def pop(self) -> None:
        classes = {call.is_background for call in self.queued}
        call = self.queue.pop()
        self.check_class(call, classes)
        self.check_order(call)
        self.forget(call)
        if not call.is_repeat:
            self.check_fairness(call)

    def check_class(self, call: QueuedCall, classes: set[bool]) -> None:
        if call.is_background:
            assert classes == {True} or self.people_in_a_row >= IN_A_ROW
            self.people_in_a_row = 0
        else:
            self.people_in_a_row += 1
            assert True not in classes or self.people_in_a_row <= IN_A_ROW or classes == {False}

    def check_order(self, call: QueuedCall) -> None:
        own_class = [each for each in self.queued if each.is_background == call.is_background]
        repeats = [each for each in self.repeats if each in own_class]
        if repeats:
            assert call is repeats[0]
        else:
            assert call is next(each for each in own_class if each.user_id == call.user_id)

    def check_fairness(self, call: QueuedCall) -> None:
        for (user, is_background), passed_by in self.passed_by.items():
            if is_background == call.is_background and user != call.user_id:
                passed_by.append(call.user_id)
                assert len(set(passed_by)) == len(passed_by), (
                    "a user was served twice before another"
                )
        key = (call.user_id, call.is_background)
        if key in self.passed_by:
            self.passed_by[key] = []

    def forget(self, call: QueuedCall) -> None:
        self.queued.remove(call)
        if call in self.repeats:
            self.repeats.remove(call)
        key = (call.user_id, call.is_background)
        others = [each for each in self.queued if (each.user_id, each.is_background) == key]
        if not any(not each.is_repeat for each in others):
            self.passed_by.pop(key, None)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.queue) == len(self.queued)
        for is_background in (True, False):
            expected = sum(each.is_background == is_background for each in self.queued)
            assert self.queue.count(is_background=is_background) == expected
        for user in "abcdef":
            own = [each for each in self.queued if each.user_id == user]
            assert set(map(id, self.queue.find(user))) == set(map(id, own))
            assert (self.queue.find_position(user) is None) == (not own)


QueueMachine.TestCase.settings = scale_examples(150, stateful_step_count=60)
TestFairQueue = QueueMachine.TestCase
