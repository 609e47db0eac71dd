"""Scheduled work for people: making a due report, checking for new devices.

A scheduled report is made by the same features and texts as a command. Every step may be repeated
after a crash: a message's id is derived from its cause, and state is saved only after sending.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.delivery.reply_sender import ReplySender
from bot.errors import BotError, NotConnectedError, NotLicensedError, UserError
from bot.features.accounts.profiles import MAX_AGE_FOR_REPORT, Profiles
from bot.features.alerts.alerts import AlertCheck, Alerts
from bot.features.alerts.messages import format_alert, format_interruption
from bot.features.alerts.store import AlertSubscription
from bot.features.reports.comparison import Report
from bot.features.reports.messages import format_report, list_notes
from bot.features.reports.reports import Reports
from bot.features.reports.runs import MAX_DELAY, ReportRun
from bot.features.reports.schedule_messages import format_trouble
from bot.features.reports.schedule_rules import SPREAD
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import Schedule
from bot.features.sessions.sessions import Sessions
from bot.features.status_report.status_report import StatusReport
from bot.formatting.errors import format_failure
from bot.formatting.locale import UserLocale, find_zone
from bot.metrics import Metrics, ReportOutcome

LATE_AFTER: Final = SPREAD + timedelta(minutes=10)
"""A report that is later than this says so."""


class ScheduledTasks:
    """Does one task at a time; the caller decides what to do when it fails.

    ``find_missing_licence`` returns the error for a workspace without device management, or None.
    """

    def __init__(
        self,
        *,
        schedules: Schedules,
        sessions: Sessions,
        reports: Reports,
        alerts: Alerts,
        profiles: Profiles,
        reply_sender: ReplySender,
        status_report: StatusReport,
        find_missing_licence: Callable[[], Awaitable[NotLicensedError | None]],
        metrics: Metrics,
        prefix: str,
        now: Callable[[], datetime],
    ) -> None:
        self.schedules: Final = schedules
        self._sessions: Final = sessions
        self._reports: Final = reports
        self.alerts: Final = alerts
        self._profiles: Final = profiles
        self._reply_sender: Final = reply_sender
        self._status_report: Final = status_report
        self._find_missing_licence: Final = find_missing_licence
        self._metrics: Final = metrics
        self._prefix: Final = prefix
        self._now: Final = now

    async def make_report(self, run: ReportRun) -> ReportOutcome:
        """Make the report of a run and send it; return its outcome.

        Raises WorkspaceError or StorageError where it may be tried again.
        """
        if self._status_report.is_for(run.user_id):
            return await self._make_report(run, is_status_report=True)
        try:
            outcome = await self._make_report(run, is_status_report=False)
        except (BotError, TimeoutError):
            self._metrics.record_report(ReportOutcome.POSTPONED)
            raise
        self._metrics.record_report(outcome)
        return outcome

    async def _make_report(self, run: ReportRun, *, is_status_report: bool) -> ReportOutcome:
        outcome = ReportOutcome.LATE if self._is_late(run) else ReportOutcome.ON_TIME
        is_due = is_status_report or await self._is_due_by_present_offset(run)
        schedule = await self.schedules.load_for(run) if is_due else None
        if schedule is None:
            return ReportOutcome.CANCELLED
        if self._now() - run.due_at > MAX_DELAY:
            await self.schedules.store.count_skipped(run.user_id)
            return ReportOutcome.SKIPPED
        if is_status_report:
            return await self._send_status_report(run, schedule)
        try:
            report = await self._reports.make(run.user_id, is_scheduled=True)
        except UserError as error:
            return await self._explain(run, schedule, error)
        if schedule.is_only_changes and report.since and not report.has_changes:
            # What was left out before it had no changes, either.
            await self.schedules.store.clear_problems(run.user_id)
            return ReportOutcome.UNCHANGED
        return (
            outcome if await self._send_report(run, schedule, report) else ReportOutcome.CANCELLED
        )

    async def check_alerts(self, subscription: AlertSubscription) -> int:
        """Check for new devices and alert their owner; return how many were found."""
        try:
            check = await self.alerts.check(subscription.user_id, is_background=True)
        except UserError as error:
            await self._explain_interruption(subscription, error)
            return 0
        if not await self._is_on(subscription):
            return 0
        if check.new:
            await self._send_alert(subscription, check)
        await self.alerts.save(subscription.user_id, check)
        if subscription.problem:
            await self.alerts.subscriptions.save_problem(subscription.user_id, "")
        self._metrics.record_alert_check(has_alerted=bool(check.new))
        return len(check.new)

    def _is_late(self, run: ReportRun) -> bool:
        return self._now() - run.due_at > LATE_AFTER

    async def _is_due_by_present_offset(self, run: ReportRun) -> bool:
        account = await self._profiles.load(
            run.user_id, max_age=MAX_AGE_FOR_REPORT, is_background=True
        )
        return account is None or await self.schedules.is_due(run, account)

    async def _send_status_report(self, run: ReportRun, schedule: Schedule) -> ReportOutcome:
        report = await self._status_report.make(schedule)
        if report is None:
            return ReportOutcome.CANCELLED
        await self._reply_sender.post(report.room_id, report.reply, _cause_of(run))
        await self._status_report.note_sent(report)
        return ReportOutcome.ON_TIME

    async def _send_report(self, run: ReportRun, schedule: Schedule, report: Report) -> bool:
        """Send it; return false where the schedule was deleted or changed meanwhile."""
        if await self.schedules.load_for(run) is None:
            return False
        locale = await self._find_locale(run.user_id, schedule)
        notes = list_notes(
            locale,
            late_since=run.due_at if self._is_late(run) else None,
            skipped=schedule.skipped,
            next_at=schedule.next_at,
        )
        reply = format_report(report, locale, self._now(), notes, is_scheduled=True)
        await self._sessions.save_numbers(run.user_id, report.devices)
        # False: an earlier attempt's text is in the room and may lack the newest devices. They
        # stay new for the next report, which may then repeat some.
        if await self._reply_sender.tell(run.user_id, reply, _cause_of(run)):
            await self._reports.save(run.user_id, report)
        await self.schedules.store.clear_problems(run.user_id)
        return True

    async def _explain(self, run: ReportRun, schedule: Schedule, error: UserError) -> ReportOutcome:
        """Tell the person once why there is no report."""
        reasons = await self._find_reasons(error)
        problem = type(reasons[-1]).__name__
        if schedule.problem != problem and await self.schedules.load_for(run):
            locale = await self._find_locale(run.user_id, schedule)
            reply = format_trouble(_describe(reasons, locale, self._now()), run.due_at, locale)
            await self._reply_sender.tell(run.user_id, reply, _cause_of(run))
            await self.schedules.store.save_problem(run.user_id, problem)
        return ReportOutcome.FAILED

    async def _send_alert(self, subscription: AlertSubscription, check: AlertCheck) -> None:
        locale = await self._find_locale(subscription.user_id)
        reply = format_alert(check.devices, check.new, locale, self._now())
        await self._sessions.save_numbers(subscription.user_id, check.devices)
        sessions = sorted(check.devices[number - 1].newest.id for number in check.new)
        cause = " ".join(("alert", subscription.user_id, *sessions))
        await self._reply_sender.tell(subscription.user_id, reply, cause)

    async def _explain_interruption(
        self, subscription: AlertSubscription, error: UserError
    ) -> None:
        """Tell the person once why there are no alerts."""
        reasons = await self._find_reasons(error)
        problem = type(reasons[-1]).__name__
        if subscription.problem == problem or not await self._is_on(subscription):
            return
        locale = await self._find_locale(subscription.user_id)
        reply = format_interruption(_describe(reasons, locale, self._now()), locale)
        cause = f"alerts interrupted {subscription.user_id} {problem} {self._now().isoformat()}"
        await self._reply_sender.tell(subscription.user_id, reply, cause)
        await self.alerts.subscriptions.save_problem(subscription.user_id, problem)

    async def _find_reasons(self, error: UserError) -> list[UserError]:
        """Return what the person is to be told; the last one has to be put right first."""
        if not isinstance(error, NotConnectedError):
            return [error]
        missing = await self._find_missing_licence()
        if missing is None:
            return [error]
        return [error, missing] if error.is_said_unlicensed else [missing]

    async def _is_on(self, subscription: AlertSubscription) -> bool:
        """Return false where alerts were turned off, or everything was erased, meanwhile.

        All devices look new then.
        """
        return await self.alerts.subscriptions.load(subscription.user_id) is not None

    async def _find_locale(self, user_id: str, schedule: Schedule | None = None) -> UserLocale:
        account = await self._profiles.load(user_id, is_background=True)
        settings = account or schedule
        zone = find_zone(settings.zone, settings.utc_offset) if settings else UTC
        return UserLocale(await self._profiles.find_language(account), zone, self._prefix)


def _describe(reasons: list[UserError], locale: UserLocale, now: datetime) -> str:
    said = [format_failure(each, locale, now) for each in reasons]
    if isinstance(reasons[-1], NotConnectedError):
        said.append(locale.text("{command} fixes that.", command=locale.call("connect")))
    return " ".join(said)


def _cause_of(run: ReportRun) -> str:
    return f"report {run.user_id} {run.rule} {run.due_at.isoformat()}"
