from datetime import UTC, datetime
from math import inf

import pytest

from bot.features.status_report.messages import format_status_report
from bot.features.status_report.stats import Stats, WorkspaceStatus
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.metrics import REPLY_BUCKETS_S, CommandOutcome, Metrics, ReplyTimer, shorten_route

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STANDING = WorkspaceStatus("0.1.0", "8.3", connected=57, watched=1, limit=10, next_at=NINE)


def count(waits: list[float]) -> Stats:
    sums = {
        f"within {bound}": sum(wait <= bound for wait in waits) for bound in (*REPLY_BUCKETS_S, inf)
    }
    sums["within +Inf"] = sums.pop("within inf")
    return Stats(NINE, sums | {"commands answered": len(waits)})


@pytest.mark.parametrize(
    ("waits", "half", "most"),
    [
        ([0.05] * 100, 0.1, 0.1),
        ([0.05] * 94 + [4.0] * 6, 0.1, 5.0),
        ([0.05] * 95 + [4.0] * 5, 0.1, 0.1),
        ([40.0], 60.0, 60.0),
        ([0.3, 2000.0], 0.5, inf),
    ],
)
def test_a_share_is_within_the_upper_end_of_its_class(
    waits: list[float], half: float, most: float
) -> None:
    counts = count(waits)
    assert (counts.find_wait(0.5), counts.find_wait(0.95)) == (half, most)


def test_without_answers_there_is_no_waiting_time() -> None:
    assert count([]).find_wait(0.5) is None
    assert Stats(NINE, {}).find_wait(0.5) is None


def test_a_quiet_day_reads_well() -> None:
    reply = format_status_report(Stats(NINE, {}), STANDING, UserLocale())
    assert reply.text == "All is well: 0 commands since Mon 23 Nov 2026, 09:00"
    assert reply.attachment is not None
    assert reply.attachment.colour == Colour.GREEN
    facts = {fact.title: fact.value for fact in reply.attachment.facts}
    assert facts == {
        "Commands": "none",
        "Answered": "nothing to answer",
        "Connected": "57 people",
        "Reports": "none were due",
        "Alerts": "0 sent, on for 1 person",
        "Rate limit": "10 calls a minute, no call had to wait",
        "Connection": "never lost",
        "Version": "0.1.0, Rocket.Chat 8.3",
    }


def test_a_bad_day_says_so_first() -> None:
    sums = {
        "commands failed": 2,
        "commands internal_error": 1,
        "commands busy": 1,
        "reports skipped": 1,
        "storage_failures": 4,
    }
    sums |= {"rate_limited": 3, "realtime_disconnects": 2, "starts": 2, "within +Inf": 3}
    reply = format_status_report(Stats(NINE, sums), STANDING, UserLocale())
    assert reply.text.startswith(
        "3 failed, 1 told to try later, 1 report late, 4 database failures: 4 "
    )
    assert reply.attachment is not None
    assert reply.attachment.colour == Colour.AMBER
    facts = {fact.title: fact.value for fact in reply.attachment.facts}
    assert facts["Answered"] == "half within more than 15 min, 95 % within more than 15 min"
    assert facts["Connection"] == "lost 2 times"
    assert facts["Version"] == "0.1.0, Rocket.Chat 8.3, started 2 times"


def test_what_a_process_counts_is_summed_by_what_the_report_says() -> None:
    metrics = Metrics("0.1.0")
    before = metrics.read_totals()
    metrics.reply_timer.start(["message"])
    metrics.record_command("session", CommandOutcome.ANSWERED, "message")
    metrics.record_command(None, CommandOutcome.REFUSED, "message")
    metrics.record_request("v1/sessions/info", 429, 0.1)
    metrics.record_request("v1/sessions/info", 0, 0.1)
    metrics.add_counter("realtime_disconnects", "", lambda: 7)
    grown = {name: sum_ - before.get(name, 0) for name, sum_ in metrics.read_totals().items()}
    expected = {
        "commands answered": 1,
        "commands refused": 1,
        "rate_limited": 1,
        "realtime_disconnects": 7,
    }
    assert {name: grown[name] for name in expected} == expected
    assert grown["within 0.1"] == grown["within +Inf"] == 2


def test_a_message_is_timed_from_when_it_was_first_received() -> None:
    times = iter([1.0, 3.0, 10.0, 11.0])
    timer = ReplyTimer(lambda: next(times))
    timer.start(["message"])
    timer.start(["message"])
    assert timer.elapsed_s("message") == 9.0
    timer.stop("message")
    assert timer.elapsed_s("message") == 0.0


def test_a_route_keeps_no_id() -> None:
    assert shorten_route("v1/rooms.media/6b04cae6821ed00c1d781e18") == "v1/rooms.media"
    assert shorten_route("POST v1/rooms.mediaConfirm/abc/def") == "POST v1/rooms.mediaConfirm"
    assert shorten_route("GET v1/sessions/info") == "GET v1/sessions/info"
    assert shorten_route("info") == "info"
