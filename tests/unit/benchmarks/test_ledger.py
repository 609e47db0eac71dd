"""Each answer in a benchmark is matched with its command, whichever library sent it."""

from benchmarks.place.ledger import ID_KEY, Command, Ledger
from bot.delivery.reply_sender import make_message_id

BOT = "bot"
FIRST, SECOND = "c000000001abcdef0", "c000000002abcdef0"


def make_ledger() -> tuple[Ledger, Command, Command]:
    ledger = Ledger(BOT)
    commands = Command(FIRST, "room", 0.0), Command(SECOND, "room", 0.0)
    for command in commands:
        ledger.note_command(command)
    return ledger, *commands


def test_an_answer_that_quotes_an_id_belongs_to_that_command() -> None:
    ledger, first, second = make_ledger()
    answer = {"_id": "x", "rid": "elsewhere", "msg": f"pong {SECOND}."}
    assert ledger.note_answer(answer, 1.0) is second
    assert (first.replies, second.replies) == ([], [1.0])


def test_our_bots_answer_is_known_by_its_own_id() -> None:
    ledger, first, second = make_ledger()
    answer = {
        "_id": make_message_id(ID_KEY, BOT, "room", SECOND, "answer"),
        "rid": "room",
        "msg": "Hello",
    }
    assert ledger.note_answer(answer, 1.0) is second
    assert first.replies == []


def test_an_answer_without_a_sign_belongs_to_the_first_that_waits_in_its_room() -> None:
    ledger, first, second = make_ledger()
    assert ledger.note_answer({"_id": "x", "rid": "room", "msg": "Hello"}, 1.0) is first
    assert ledger.note_answer({"_id": "y", "rid": "room", "msg": "Hello"}, 2.0) is second


def test_an_answer_that_nothing_asked_for_is_a_stray() -> None:
    ledger, _, _ = make_ledger()
    assert ledger.note_answer({"_id": "x", "rid": "elsewhere", "msg": "Hello"}, 1.0) is None
    assert ledger.strays == 1


def test_a_second_answer_is_counted_and_a_republished_one_is_known() -> None:
    ledger, first, _ = make_ledger()
    ledger.note_answer({"_id": "x", "rid": "room", "msg": f"pong {FIRST}"}, 1.0)
    ledger.note_answer({"_id": "y", "rid": "room", "msg": f"pong {FIRST}"}, 2.0)
    assert first.replies == [1.0, 2.0]
    assert ledger.has_seen("x")
    assert not ledger.has_seen("z")
