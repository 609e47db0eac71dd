"""Schedules: when each person's reports are due, and the report runs that follow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import structlog

from bot.errors import Call, UsageError
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.alerts.alerts import MIN_CHECKS_PER_MINUTE
from bot.features.reports.runs import ReportRun
from bot.features.reports.schedule_parsing import MAX_PAUSE, parse_schedule_rule
from bot.features.reports.schedule_rules import (
    ScheduleRule,
    find_delay,
    find_next,
    find_offset,
    list_next,
    list_times,
)
from bot.features.reports.store import RunCreation, Schedule, ScheduleStore
from bot.formatting.locale import find_zone
from bot.storage.database import Database
from bot.storage.future_times import MAX_AHEAD

_TIMES_SHOWN: Final = 3
_HALF_A_DAY: Final = timedelta(hours=12)
_BATCH_SIZE: Final = 20  # small transactions, so that questions hardly wait for them
_RESOLUTION: Final = timedelta(microseconds=1)
_TICK: Final = timedelta(minutes=1) / MIN_CHECKS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """A person's schedule, with the times that come next, in UTC."""

    rule: ScheduleRule
    times: tuple[datetime, ...]
    is_only_changes: bool = False
    paused_until: datetime | None = None


class Schedules:
    """Saves schedules and creates the report runs that are due; all raise StorageError.

    ``find_rate`` returns how many reports a minute the workspace's rate limit allows.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        now: Callable[[], datetime],
        find_rate: Callable[[], float],
    ) -> None:
        self.store: Final = ScheduleStore(database)
        self._accounts: Final = accounts
        self._now: Final = now
        self._find_rate: Final = find_rate
        self._log = structlog.get_logger("schedules")

    async def save(
        self, account: ConnectedAccount, rule: ScheduleRule, *, is_only_changes: bool | None = None
    ) -> ScheduleSummary:
        """Save the account's schedule, in place of an earlier one.

        ``is_only_changes`` stays as it is where it is None.
        """
        now = self._now()
        old = await self.store.load(account.user_id)
        if is_only_changes is None:
            is_only_changes = bool(old and old.is_only_changes)
        schedule = Schedule(
            user_id=account.user_id,
            rule=str(rule),
            next_at=now,
            start_at=now,
            is_only_changes=is_only_changes,
        )
        schedule = _move_after(schedule, account, now)
        await self.store.save(schedule)
        return _summarise(schedule)

    async def save_for_bot(self, bot_id: str, rule: ScheduleRule, zone: str) -> None:
        """Save the schedule of the status report, unless it is the same already."""
        old = await self.store.load(bot_id)
        if old and (old.rule, old.zone) == (str(rule), zone):
            return
        now = self._now()
        schedule = Schedule(bot_id, str(rule), now, now, zone=zone)
        await self.store.save(_move_after(schedule, None, now), is_for_bot=True)

    async def load(self, user_id: str) -> ScheduleSummary | None:
        """Return the user's schedule; None where there is none."""
        found = await self.store.load(user_id)
        return _summarise(found) if found else None

    async def save_only_changes(self, user_id: str, *, is_only_changes: bool) -> ScheduleSummary:
        """Send all reports, or only those with changes; raise UsageError for no schedule."""
        schedule = await self._require(user_id)
        changed = replace(schedule, is_only_changes=is_only_changes)
        await self.store.save(changed)
        return _summarise(changed)

    async def pause(
        self, user_id: str, length: timedelta, account: ConnectedAccount | None
    ) -> ScheduleSummary:
        """Leave out the reports due within ``length``; raise UsageError for no schedule.

        The next time is found in the account's time zone, or as before without an account.
        """
        schedule = await self._require(user_id)
        paused_until = self._now() + length
        paused = replace(schedule, paused_until=paused_until)
        paused = _move_after(paused, account, paused_until - _RESOLUTION)
        await self.store.save(paused)
        return _summarise(paused)

    async def move_to_zone(self, account: ConnectedAccount) -> None:
        """Move the account's schedule, if there is one, to the account's time zone."""
        schedule = await self.store.load(account.user_id)
        if schedule:
            await self._move(schedule, account)

    async def is_due(self, run: ReportRun, account: ConnectedAccount) -> bool:
        """Return false where the run's time is yet to come by the account's present offset.

        The schedule follows the offset. A run that would have been earlier is due now.
        """
        if account.zone:
            return True
        now, zone = self._now(), find_zone("", account.utc_offset)
        comes_at = find_next(parse_schedule_rule(run.rule), zone, run.due_at - _RESOLUTION)
        is_due = not timedelta() < comes_at - run.due_at < _HALF_A_DAY or comes_at <= now
        schedule = await self.store.load(run.user_id)
        if schedule and schedule.utc_offset != account.utc_offset:
            after = max(now, schedule.paused_until or now) if is_due else comes_at - _RESOLUTION
            await self.store.reschedule(schedule, _move_after(schedule, account, after))
        return is_due

    async def create_due_runs(self) -> int:
        """Create a run for each report that is due, and return how many.

        Of several missed reports only the latest gets a run; the others are counted as skipped.
        """
        for schedule in await self.store.load_with_other_zone():
            account = await self._accounts.load(schedule.user_id)
            if account and schedule.zone and not account.zone:
                # Nobody can choose to have no zone: the account was connected again.
                await self._accounts.save_zone(schedule.user_id, schedule.zone)
            else:
                await self._move(schedule, account)
        created = 0
        while due := await self.store.load_due(self._now(), _BATCH_SIZE):
            waiting = await self.store.count_waiting()
            runs = [self._prepare_run(each, waiting + number) for number, each in enumerate(due)]
            created += await self.store.create_runs(runs)
        return created

    async def bring_back(self) -> int:
        """Correct the times that were found while the clock was ahead; return how many."""
        now, count = self._now(), 0
        for schedule in await self.store.load_ahead(now):
            paused_until = schedule.paused_until
            if paused_until and paused_until > now + MAX_PAUSE:
                paused_until = None
            after = max(now, paused_until - _RESOLUTION) if paused_until else now
            right = replace(schedule, paused_until=paused_until, skipped=0)
            right = _move_after(right, None, after)
            if right.next_at < schedule.next_at:
                count += await self.store.reschedule(schedule, right)
        return count

    async def load_for(self, run: ReportRun) -> Schedule | None:
        """Return the schedule of the run; None where it was deleted, changed or paused since.

        None, too, for a run that was created while the clock was ahead, and is not due yet.
        """
        schedule = await self.store.load(run.user_id)
        if schedule is None or schedule.rule != run.rule:
            return None
        if run.due_at > self._now() + MAX_AHEAD:
            return None
        is_paused = schedule.paused_until and schedule.paused_until > self._now()
        return None if is_paused else schedule

    async def _move(self, schedule: Schedule, account: ConnectedAccount | None) -> None:
        after = max(self._now(), schedule.paused_until or self._now())
        await self.store.reschedule(schedule, _move_after(schedule, account, after))

    def _prepare_run(self, schedule: Schedule, waiting: int) -> RunCreation:
        latest, missed = schedule.next_at, 0
        rule = parse_schedule_rule(schedule.rule)
        for time in list_times(rule, _zone_of(schedule), schedule.next_at):
            start_at = time + find_offset(schedule.user_id, time)
            if start_at > self._now():
                break
            latest, missed = time, missed + 1
        ahead = replace(schedule, next_at=time, start_at=start_at, paused_until=None)
        if missed:
            self._log.warning("reports were missed", count=missed, user_id=schedule.user_id)
        delay = find_delay(waiting, self._find_rate(), _TICK)
        return RunCreation(schedule, ahead, latest, missed, delay)

    async def _require(self, user_id: str) -> Schedule:
        schedule = await self.store.load(user_id)
        if schedule is None:
            raise UsageError(
                "You have no scheduled reports. {example} schedules one.",
                example=Call("report daily 09:00"),
            )
        return schedule


def _move_after(schedule: Schedule, account: ConnectedAccount | None, after: datetime) -> Schedule:
    """Return the schedule with its next time after ``after``, in the account's time zone."""
    if account is not None:
        schedule = replace(schedule, zone=account.zone, utc_offset=account.utc_offset)
    next_at = find_next(parse_schedule_rule(schedule.rule), _zone_of(schedule), after)
    return replace(
        schedule, next_at=next_at, start_at=next_at + find_offset(schedule.user_id, next_at)
    )


def _zone_of(schedule: Schedule) -> tzinfo:
    return find_zone(schedule.zone, schedule.utc_offset)


def _summarise(schedule: Schedule) -> ScheduleSummary:
    rule = parse_schedule_rule(schedule.rule)
    after = schedule.next_at - _RESOLUTION
    times = list_next(rule, _zone_of(schedule), after, _TIMES_SHOWN)
    return ScheduleSummary(rule, tuple(times), schedule.is_only_changes, schedule.paused_until)
