"""What the clock has done for people: a report that is due, a look for new devices.

A report is a command that the clock says: the same services make it, in the person's own name, and
the same words say it. Everything here may be repeated after a crash: what is sent has an id that
follows from its cause, and what is remembered is remembered after it was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.delivery import Delivery
from bot.devices import Report
from bot.errors import BotError, NotConnectedError, UserError
from bot.formatting.alerts import format_alert, format_blindness
from bot.formatting.failures import format_failure
from bot.formatting.plans import format_trouble
from bot.formatting.reader import ENGLISH, Reader, find_zone
from bot.formatting.reports import Occasion, format_report, list_notes
from bot.metrics import Due, Metrics
from bot.models import Sender
from bot.operations.own_report import OwnReport
from bot.services.alerts import Alerts, Finding
from bot.services.connections import Connections
from bot.services.plans import Plans
from bot.services.reports import Reports
from bot.storage.schedules import Schedule
from bot.storage.slots import Slot
from bot.storage.watches import Watch
from bot.timetable import SPREAD

GRACE: Final = timedelta(hours=6)
"""A report that is later than this is not made any more; the next one says so."""

LATE: Final = SPREAD + timedelta(minutes=10)
"""A report that is later than this says so."""


@dataclass(frozen=True, slots=True)
class ErrandParts:
    """What errands are done with; reports and alerts let the calls of people go first."""

    plans: Plans
    reports: Reports
    alerts: Alerts
    connections: Connections
    delivery: Delivery
    own_report: OwnReport
    metrics: Metrics


class Errands:
    """Does what is due, one thing at a time; what to do when that fails is the caller's."""

    def __init__(self, parts: ErrandParts, prefix: str, now: Callable[[], datetime]) -> None:
        self._parts: Final = parts
        self._prefix: Final = prefix
        self._now: Final = now

    async def report(self, slot: Slot) -> str:
        """Make the report of a slot and send it; give what became of it, in a word.

        Raises WorkspaceError or StorageError where it may be tried again.
        """
        metrics, is_own = self._parts.metrics, self._parts.own_report.is_for(slot.user_id)
        is_late = self._is_late(slot)
        try:
            outcome = await self._report(slot)
        except (BotError, TimeoutError):
            if not is_own:
                metrics.note_report(Due.PUT_OFF)
            raise
        if not is_own:
            metrics.note_report(_classify(outcome, is_late=is_late))
        return outcome

    async def _report(self, slot: Slot) -> str:
        plans = self._parts.plans
        schedule = await plans.load_for(slot)
        if schedule is None:
            return "dropped"
        if self._now() - slot.due_at > GRACE:
            await plans.note_skipped(slot.user_id)
            return "skipped"
        if self._parts.own_report.is_for(slot.user_id):
            return await self._parts.own_report.send(schedule, _cause_of(slot))
        try:
            report = await self._parts.reports.make(slot.user_id, is_fresh=True)
        except UserError as error:
            return await self._explain(slot, schedule, error)
        if schedule.is_only_changes and report.since and not report.has_changes:
            await plans.note_trouble(slot.user_id, "")
            return "quiet"
        await self._send(slot, schedule, report)
        return "sent"

    async def look(self, watch: Watch) -> int:
        """Look for new devices and alert their owner; say how many were found."""
        alerts = self._parts.alerts
        try:
            finding = await alerts.look(watch.user_id)
        except UserError as error:
            await self._explain_blindness(watch, error)
            return 0
        if finding.new:
            await self._alert(watch, finding)
        await alerts.keep(watch.user_id, finding)
        if watch.trouble:
            await alerts.note_trouble(watch.user_id, "")
        self._parts.metrics.note_look(has_alerted=bool(finding.new))
        return len(finding.new)

    def _is_late(self, slot: Slot) -> bool:
        return self._now() - slot.due_at > LATE

    async def _send(self, slot: Slot, schedule: Schedule, report: Report) -> None:
        reader = await self._find_reader(slot.user_id, schedule)
        is_late = self._is_late(slot)
        occasion = Occasion(slot.due_at, schedule.next_at, is_late, schedule.skipped)
        notes = list_notes(occasion, reader)
        reply = format_report(report, reader, self._now(), notes)
        await self._parts.reports.number(slot.user_id, report)
        # Words of an earlier try may stand there, of before a device came: that one is new, then,
        # in the next report, where some may be for the second time.
        if await self._parts.delivery.tell(_owner(schedule), reply, _cause_of(slot)):
            await self._parts.reports.keep(slot.user_id, report)
        await self._parts.plans.note_made(slot.user_id)

    async def _explain(self, slot: Slot, schedule: Schedule, error: UserError) -> str:
        trouble = type(error).__name__
        if schedule.trouble != trouble:
            reader = await self._find_reader(slot.user_id, schedule)
            reply = format_trouble(_describe(error, reader, self._now()), slot.due_at, reader)
            await self._parts.delivery.tell(_owner(schedule), reply, _cause_of(slot))
            await self._parts.plans.note_trouble(slot.user_id, trouble)
        return "explained"

    async def _alert(self, watch: Watch, finding: Finding) -> None:
        reader = await self._find_reader(watch.user_id)
        reply = format_alert(finding.devices, finding.new, reader, self._now())
        await self._parts.alerts.number(watch.user_id, finding)
        sessions = sorted(finding.devices[number - 1].newest.id for number in finding.new)
        cause = " ".join(("alert", watch.user_id, *sessions))
        await self._parts.delivery.tell(Sender(watch.user_id, watch.username), reply, cause)

    async def _explain_blindness(self, watch: Watch, error: UserError) -> None:
        trouble = type(error).__name__
        if watch.trouble == trouble:
            return
        reader = await self._find_reader(watch.user_id)
        reply = format_blindness(_describe(error, reader, self._now()), reader)
        cause = f"blind {watch.user_id} {trouble} {self._now().isoformat()}"
        await self._parts.delivery.tell(Sender(watch.user_id, watch.username), reply, cause)
        await self._parts.alerts.note_trouble(watch.user_id, trouble)

    async def _find_reader(self, user_id: str, schedule: Schedule | None = None) -> Reader:
        account = await self._parts.connections.load(user_id)
        settings = account or schedule
        zone = find_zone(settings.zone, settings.utc_offset) if settings else UTC
        return Reader(account.language if account else ENGLISH, zone, self._prefix)


def _describe(error: UserError, reader: Reader, now: datetime) -> str:
    problem = format_failure(error, reader, now)
    if isinstance(error, NotConnectedError):
        remedy = reader.text("{command} puts that right.", command=reader.call("connect"))
        return f"{problem} {remedy}"
    return problem


def _classify(outcome: str, *, is_late: bool) -> Due:
    if outcome == "sent":
        return Due.LATE if is_late else Due.ON_TIME
    return Due(outcome)


def _owner(schedule: Schedule) -> Sender:
    return Sender(schedule.user_id, schedule.username)


def _cause_of(slot: Slot) -> str:
    return f"report {slot.user_id} {slot.rule} {slot.due_at.isoformat()}"
