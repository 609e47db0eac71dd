"""The results of a run as text."""

from collections import Counter
from collections.abc import Iterator

from tests.stress.torture.ledger import Command
from tests.stress.torture.plan import Outcome

_MAX_SHOWN = 10


def format_outcome(outcome: Outcome) -> str:
    """Format all results, one a line."""
    return "\n".join(_format_lines(outcome))


def format_summary(outcome: Outcome, bots: int) -> str:
    """Format the results that must be zero, in one line."""
    counts = outcome.counts
    return (
        f"torture of {bots} {'bot' if bots == 1 else 'bots'}: {counts.said} commands said, "
        f"{counts.answered} answered, {len(counts.lost)} lost, {len(counts.twice)} answered "
        f"twice, {len(counts.out_of_order)} out of order; {outcome.faults.total()} faults, "
        f"{outcome.ends['killed']} kills"
    )


def _format_lines(outcome: Outcome) -> Iterator[str]:
    counts = outcome.counts
    yield f"commands said: {counts.said}"
    yield f"answered: {counts.answered} (of these with a failure told: {counts.failures_told})"
    yield f"lost: {len(counts.lost)}"
    yield f"answered twice: {len(counts.twice)}"
    yield f"out of order: {len(counts.out_of_order)}"
    yield f"answering nothing that was asked: {len(counts.unknown)}"
    yield f"not judged for order (reached the bot out of order): {counts.not_judged_for_order}"
    yield f"faults: {outcome.faults.total()}"
    yield from _format_counts(outcome.faults)
    yield f"kills: {outcome.ends['killed']}"
    yield from _format_counts(outcome.ends)
    yield f"last answer after the last fault: {outcome.seconds_to_last_answer:.1f} s"
    yield f"workspace: {outcome.server}, its clock {outcome.skew.total_seconds():+.0f} s off"
    yield f"memory of each bot in the end: {', '.join(f'{m:.0f} MiB' for m in outcome.memory)}"
    for name in ("lost", "twice", "out_of_order"):
        yield from (_format_command(name, each) for each in getattr(counts, name)[:_MAX_SHOWN])
    yield from (f"unknown: {each}" for each in counts.unknown[:_MAX_SHOWN])


def _format_counts(counts: Counter[str]) -> Iterator[str]:
    for name, number in sorted(counts.items()):
        yield f"  {name}: {number}"


def _format_command(name: str, command: Command) -> str:
    where = "direct" if command.room_id == command.answer_room_id else "channel"
    at = command.said_at.isoformat(timespec="milliseconds")
    return f"{name}: {command.id} of {command.person_id} in {where} at {at}"
