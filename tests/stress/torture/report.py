"""The figures of a run as text."""

from collections import Counter
from collections.abc import Iterator

from tests.stress.torture.ledger import Command
from tests.stress.torture.plan import Outcome

_MOST = 10


def format_outcome(outcome: Outcome) -> str:
    """Write everything that counts, one figure a line."""
    return "\n".join(_format_lines(outcome))


def format_summary(outcome: Outcome, bots: int) -> str:
    """Write the figures that are promised in one line."""
    figures = outcome.figures
    return (
        f"torture of {bots} {'bot' if bots == 1 else 'bots'}: {figures.said} commands said, "
        f"{figures.answered} answered, {len(figures.lost)} lost, {len(figures.twice)} answered "
        f"twice, {len(figures.out_of_order)} out of order; {outcome.faults.total()} faults, "
        f"{outcome.ends['killed']} kills"
    )


def _format_lines(outcome: Outcome) -> Iterator[str]:
    figures = outcome.figures
    yield f"commands said: {figures.said}"
    yield f"answered: {figures.answered} (of these with a failure told: {figures.failures_told})"
    yield f"lost: {len(figures.lost)}"
    yield f"answered twice: {len(figures.twice)}"
    yield f"out of order: {len(figures.out_of_order)}"
    yield f"answering nothing that was asked: {len(figures.unknown)}"
    yield f"not judged for order (reached the bot out of order): {figures.not_judged_for_order}"
    yield f"faults: {outcome.faults.total()}"
    yield from _format_counts(outcome.faults)
    yield f"kills: {outcome.ends['killed']}"
    yield from _format_counts(outcome.ends)
    yield f"last answer after the last fault: {outcome.seconds_to_last_answer:.1f} s"
    yield f"workspace: {outcome.flavour}, its clock {outcome.skew.total_seconds():+.0f} s off"
    yield f"memory of each bot in the end: {', '.join(f'{m:.0f} MiB' for m in outcome.memory)}"
    for name in ("lost", "twice", "out_of_order"):
        yield from (_format_command(name, each) for each in getattr(figures, name)[:_MOST])
    yield from (f"unknown: {each}" for each in figures.unknown[:_MOST])


def _format_counts(counts: Counter[str]) -> Iterator[str]:
    for name, number in sorted(counts.items()):
        yield f"  {name}: {number}"


def _format_command(name: str, command: Command) -> str:
    where = "direct" if command.room_id == command.answer_room_id else "channel"
    at = command.said_at.isoformat(timespec="milliseconds")
    return f"{name}: {command.id} of {command.person_id} in {where} at {at}"
