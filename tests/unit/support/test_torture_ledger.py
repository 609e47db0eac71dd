from datetime import UTC, datetime, timedelta

from bot.delivery.reply_sender import make_message_id
from tests.stress.torture.ledger import Command, Ledger, count
from tests.support.message_ids import ID_KEY

BOT = "botbotbot"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def make_command(number: int, *, is_keyless: bool = False, is_ordered: bool = True) -> Command:
    return Command(
        f"m{number}",
        "ann",
        "direct",
        "direct",
        NOON + timedelta(seconds=number),
        f"q{number}z",
        is_keyless=is_keyless,
        is_ordered=is_ordered,
    )


def make_ledger(*commands: Command) -> Ledger:
    ledger = Ledger(BOT)
    for command in commands:
        ledger.note(command)
    return ledger


def say(text: str, message_id: str = "any") -> dict[str, object]:
    return {"_id": message_id, "msg": text}


def answer_id(command: Command, part: str = "answer") -> str:
    return make_message_id(ID_KEY, BOT, command.answer_room_id, command.id, part)


def test_one_answer_each_is_clean() -> None:
    ledger = make_ledger(make_command(1), make_command(2))
    counts = count(ledger, [say("no command q1z"), say("no command q2z")])
    assert counts.is_clean
    assert (counts.said, counts.answered) == (2, 2)


def test_nothing_said_is_not_clean() -> None:
    assert not count(make_ledger(), []).is_clean


def test_a_command_without_an_answer_is_lost() -> None:
    first, second = make_command(1), make_command(2)
    counts = count(make_ledger(first, second), [say("no command q1z")])
    assert counts.lost == [second]
    assert not counts.is_clean


def test_an_apology_or_a_notice_is_no_answer() -> None:
    command = make_command(1)
    beside = [say("…", answer_id(command, part)) for part in ("apology", "wait", "memory")]
    assert count(make_ledger(command), beside).lost == [command]


def test_two_messages_with_one_key_are_an_answer_twice() -> None:
    command = make_command(1)
    counts = count(make_ledger(command), [say("q1z", "one"), say("q1z", "two")])
    assert counts.twice == [command]
    assert not counts.is_clean


def test_a_failure_told_under_the_id_of_the_answer_is_an_answer() -> None:
    command = make_command(1)
    counts = count(make_ledger(command), [say("did not answer me", answer_id(command))])
    assert counts.is_clean
    assert counts.failures_told == 1


def test_an_answer_without_a_key_is_known_by_its_id() -> None:
    command = make_command(1, is_keyless=True)
    counts = count(make_ledger(command), [say("You are Ann", answer_id(command))])
    assert counts.is_clean
    assert counts.failures_told == 0


def test_what_answers_nothing_is_not_clean() -> None:
    counts = count(make_ledger(make_command(1)), [say("q1z"), say("You are Ann")])
    assert len(counts.unknown) == 1
    assert not counts.is_clean


def test_a_question_s_own_key_in_a_thread_id_is_no_answer() -> None:
    command = make_command(1)
    notice = say("in a direct message", answer_id(command, "answer notice")) | {"tmid": "q1z"}
    assert count(make_ledger(command), [notice]).lost == [command]


def test_the_later_before_the_earlier_is_out_of_order() -> None:
    first, second = make_command(1), make_command(2)
    counts = count(make_ledger(first, second), [say("q2z"), say("q1z")])
    assert counts.out_of_order == [first]
    assert not counts.is_clean


def test_what_reached_the_bot_out_of_order_is_not_judged() -> None:
    late, second = make_command(1, is_ordered=False), make_command(2)
    counts = count(make_ledger(late, second), [say("q2z"), say("q1z")])
    assert counts.is_clean
    assert counts.not_judged_for_order == 1
