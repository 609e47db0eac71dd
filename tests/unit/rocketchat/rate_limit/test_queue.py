"""The queue of the rate budget, held against a plain model of fairness."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.rocketchat.rate_limit.queue import FairQueue, QueuedCall
from tests.support.fuzzing import scale_examples

USERS = st.sampled_from("abcdef")
IN_A_ROW = 9


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.turns = FairQueue()
        self.waiting: list[QueuedCall] = []
        self.repeats: list[QueuedCall] = []
        self.passed_by: dict[tuple[str, bool], list[str]] = {}
        self.people_in_a_row = 0

    @rule(user=USERS, is_background=st.booleans())
    def come(self, user: str, is_background: bool) -> None:
        self.passed_by.setdefault((user, is_background), [])
        self.add(QueuedCall(user, is_background))

    @rule(user=USERS, is_background=st.booleans())
    def come_again(self, user: str, is_background: bool) -> None:
        ticket = QueuedCall(user, is_background, is_repeat=True)
        self.repeats.append(ticket)
        self.add(ticket)

    def add(self, ticket: QueuedCall) -> None:
        self.turns.add(ticket)
        self.waiting.append(ticket)

    @precondition(lambda self: self.waiting)
    @rule(choice=st.integers(0, 99))
    def give_up(self, choice: int) -> None:
        ticket = self.waiting[choice % len(self.waiting)]
        self.turns.remove(ticket)
        self.leave(ticket)

    @precondition(lambda self: self.waiting)
    @rule()
    def go(self) -> None:
        classes = {ticket.is_background for ticket in self.waiting}
        ticket = self.turns.pop()
        self.check_class(ticket, classes)
        self.check_order(ticket)
        self.leave(ticket)
        if not ticket.is_repeat:
            self.check_fairness(ticket)

    def check_class(self, ticket: QueuedCall, classes: set[bool]) -> None:
        if ticket.is_background:
            assert classes == {True} or self.people_in_a_row >= IN_A_ROW
            self.people_in_a_row = 0
        else:
            self.people_in_a_row += 1
            assert True not in classes or self.people_in_a_row <= IN_A_ROW or classes == {False}

    def check_order(self, ticket: QueuedCall) -> None:
        own_class = [each for each in self.waiting if each.is_background == ticket.is_background]
        repeats = [each for each in self.repeats if each in own_class]
        if repeats:
            assert ticket is repeats[0]
        else:
            assert ticket is next(each for each in own_class if each.user_id == ticket.user_id)

    def check_fairness(self, ticket: QueuedCall) -> None:
        for (user, is_background), passed_by in self.passed_by.items():
            if is_background == ticket.is_background and user != ticket.user_id:
                passed_by.append(ticket.user_id)
                assert len(set(passed_by)) == len(passed_by), "somebody went twice before another"
        key = (ticket.user_id, ticket.is_background)
        if key in self.passed_by:
            self.passed_by[key] = []

    def leave(self, ticket: QueuedCall) -> None:
        self.waiting.remove(ticket)
        if ticket in self.repeats:
            self.repeats.remove(ticket)
        key = (ticket.user_id, ticket.is_background)
        others = [each for each in self.waiting if (each.user_id, each.is_background) == key]
        if not any(not each.is_repeat for each in others):
            self.passed_by.pop(key, None)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.turns) == len(self.waiting)
        for is_background in (True, False):
            expected = sum(each.is_background == is_background for each in self.waiting)
            assert self.turns.count(is_background=is_background) == expected
        for user in "abcdef":
            own = [each for each in self.waiting if each.user_id == user]
            assert set(map(id, self.turns.find(user))) == set(map(id, own))
            assert (self.turns.position(user) is None) == (not own)


QueueMachine.TestCase.settings = scale_examples(150, stateful_step_count=60)
TestFairQueue = QueueMachine.TestCase
