"""What the clock has done for people: a report that is due, a look for new devices.

A report is a command that the clock says: the same services make it, in the person's own name, and
the same words say it. Everything here may be repeated after a crash: what is sent has an id that
follows from its cause, and what is remembered is remembered after it was sent.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bot.delivery.reply_sender import ReplySender
from bot.errors import BotError, NotConnectedError, StorageError, TokenRejectedError, UserError
from bot.features.accounts.linking import AccountLinking
from bot.features.alerts.alerts import AlertCheck, Alerts
from bot.features.alerts.messages import format_alert, format_blindness
from bot.features.alerts.store import AlertSubscription
from bot.features.reports.messages import ReportContext, format_report, list_notes
from bot.features.reports.reports import Reports
from bot.features.reports.schedule_messages import format_trouble
from bot.features.reports.schedule_rules import SPREAD
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import ReportRun, ReportRuns, Schedule
from bot.features.sessions.devices import Report
from bot.features.status_report.status_report import StatusReport
from bot.formatting.errors import format_failure
from bot.formatting.locale import ENGLISH, UserLocale, find_zone
from bot.metrics import Due, Metrics
from bot.models import Sender

GRACE: Final = timedelta(hours=6)
"""A report that is later than this is not made any more; the next one says so."""

LATE: Final = SPREAD + timedelta(minutes=10)
"""A report that is later than this says so."""


@dataclass(frozen=True, slots=True)
class TaskParts:
    """What errands are done with; reports and alerts let the calls of people go first."""

    plans: Schedules
    reports: Reports
    alerts: Alerts
    connections: AccountLinking
    delivery: ReplySender
    own_report: StatusReport
    metrics: Metrics


class ScheduledTasks:
    """Does what is due, one thing at a time; what to do when that fails is the caller's."""

    def __init__(self, parts: TaskParts, prefix: str, now: Callable[[], datetime]) -> None:
        self._parts: Final = parts
        self._prefix: Final = prefix
        self._now: Final = now

    async def report(self, slot: ReportRun) -> str:
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

    async def _report(self, slot: ReportRun) -> str:
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

    async def look(self, watch: AlertSubscription) -> int:
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

    def _is_late(self, slot: ReportRun) -> bool:
        return self._now() - slot.due_at > LATE

    async def _send(self, slot: ReportRun, schedule: Schedule, report: Report) -> None:
        locale = await self._find_locale(slot.user_id, schedule)
        is_late = self._is_late(slot)
        occasion = ReportContext(slot.due_at, schedule.next_at, is_late, schedule.skipped)
        notes = list_notes(occasion, locale)
        reply = format_report(report, locale, self._now(), notes)
        await self._parts.reports.number(slot.user_id, report)
        # Words of an earlier try may stand there, of before a device came: that one is new, then,
        # in the next report, where some may be for the second time.
        if await self._parts.delivery.tell(_owner(schedule), reply, _cause_of(slot)):
            await self._parts.reports.keep(slot.user_id, report)
        await self._parts.plans.note_made(slot.user_id)

    async def _explain(self, slot: ReportRun, schedule: Schedule, error: UserError) -> str:
        trouble = type(error).__name__
        if schedule.trouble != trouble:
            locale = await self._find_locale(slot.user_id, schedule)
            reply = format_trouble(_describe(error, locale, self._now()), slot.due_at, locale)
            await self._parts.delivery.tell(_owner(schedule), reply, _cause_of(slot))
            await self._parts.plans.note_trouble(slot.user_id, trouble)
        return "explained"

    async def _alert(self, watch: AlertSubscription, finding: AlertCheck) -> None:
        locale = await self._find_locale(watch.user_id)
        reply = format_alert(finding.devices, finding.new, locale, self._now())
        await self._parts.alerts.number(watch.user_id, finding)
        sessions = sorted(finding.devices[number - 1].newest.id for number in finding.new)
        cause = " ".join(("alert", watch.user_id, *sessions))
        await self._parts.delivery.tell(Sender(watch.user_id, watch.username), reply, cause)

    async def _explain_blindness(self, watch: AlertSubscription, error: UserError) -> None:
        trouble = type(error).__name__
        if watch.trouble == trouble:
            return
        locale = await self._find_locale(watch.user_id)
        reply = format_blindness(_describe(error, locale, self._now()), locale)
        cause = f"blind {watch.user_id} {trouble} {self._now().isoformat()}"
        await self._parts.delivery.tell(Sender(watch.user_id, watch.username), reply, cause)
        await self._parts.alerts.note_trouble(watch.user_id, trouble)

    async def _find_locale(self, user_id: str, schedule: Schedule | None = None) -> UserLocale:
        account = await self._parts.connections.load(user_id)
        settings = account or schedule
        zone = find_zone(settings.zone, settings.utc_offset) if settings else UTC
        return UserLocale(account.language if account else ENGLISH, zone, self._prefix)


def _describe(error: UserError, locale: UserLocale, now: datetime) -> str:
    problem = format_failure(error, locale, now)
    if isinstance(error, NotConnectedError):
        remedy = locale.text("{command} puts that right.", command=locale.call("connect"))
        return f"{problem} {remedy}"
    return problem


def _classify(outcome: str, *, is_late: bool) -> Due:
    if outcome == "sent":
        return Due.LATE if is_late else Due.ON_TIME
    return Due(outcome)


def _owner(schedule: Schedule) -> Sender:
    return Sender(schedule.user_id, schedule.username)


def _cause_of(slot: ReportRun) -> str:
    return f"report {slot.user_id} {slot.rule} {slot.due_at.isoformat()}"


LEASE: Final = timedelta(seconds=15)
"""How long a claim lasts whose process is not heard of any more."""

AT_ONCE: Final = 24
"""How many reports a process makes side by side: so many share trips to the database."""

_RENEW_EVERY: Final = 3.0  # seconds
# Four processes with all their reports in hand share ten calls a minute for nine minutes and more.
_ATTEMPT_TIMEOUT_S: Final = 900.0
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(minutes=30)


class TaskRunner:
    """Tries errands. What may pass is put off; what a person must put right is the last word."""

    def __init__(
        self, errands: ScheduledTasks, slots: ReportRuns, now: Callable[[], datetime]
    ) -> None:
        self._errands: Final = errands
        self._slots: Final = slots
        self._now: Final = now
        self._log = structlog.get_logger("scheduler")

    async def report(self, slot: ReportRun, by: str) -> None:
        """Make the report of a slot that ``by`` has claimed; finish the slot or put it off.

        Raises TokenRejectedError where the workspace refuses the bot, StorageError where the end
        could not be noted, and whatever nobody thought of.
        """
        try:
            outcome = await self._make(slot, by)
        except (BotError, TimeoutError) as error:
            await self._put_off(slot, by, error)
            if isinstance(error, TokenRejectedError):
                raise
        except asyncio.CancelledError:
            # The program ends; the next one to start need not wait.
            with suppress(StorageError):
                await self._slots.release(slot, by=by, free_at=self._now())
            raise
        except Exception as error:
            await self._put_off(slot, by, error)
            raise
        else:
            await self._slots.finish(slot, outcome, self._now())
            self._log.info("a report was due", outcome=outcome, user_id=slot.user_id)

    async def look(self, watch: AlertSubscription) -> None:
        """Look for new devices; raises BotError and TimeoutError, and is tried at its next turn."""
        async with asyncio.timeout(_ATTEMPT_TIMEOUT_S):
            found = await self._errands.look(watch)
        if found:
            self._log.info("new devices were seen", count=found, user_id=watch.user_id)

    async def _make(self, slot: ReportRun, by: str) -> str:
        """Make the report, and let nobody else begin with it meanwhile."""
        holding = asyncio.create_task(self._hold(slot, by))
        try:
            async with asyncio.timeout(_ATTEMPT_TIMEOUT_S):
                return await self._errands.report(slot)
        finally:
            holding.cancel()
            await asyncio.wait([holding])

    async def _hold(self, slot: ReportRun, by: str) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            with suppress(StorageError):
                await self._slots.hold(slot, by=by, until=self._now() + LEASE)

    async def _put_off(self, slot: ReportRun, by: str, error: Exception) -> None:
        free_at = self._now() + find_pause(slot.tries)
        await self._slots.release(slot, by=by, free_at=free_at)
        self._log.warning("a report is put off", until=str(free_at), problem=repr(error))


def find_pause(tries: int) -> timedelta:
    """Give the time to wait after so many tries have failed."""
    return min(_FIRST_PAUSE * (1 << min(tries - 1, 10)), _LONGEST_PAUSE)
