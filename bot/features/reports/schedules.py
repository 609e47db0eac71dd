"""When each person's reports are due: arranged by them, opened as slots when their time comes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

import structlog

from bot.errors import Call, NotConnectedError, UsageError
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.runs import ReportRun
from bot.features.reports.schedule_rules import (
    NewSchedule,
    ScheduleRule,
    find_next,
    find_place,
    list_next,
    list_times,
    parse_timetable,
)
from bot.features.reports.store import RunCreation, Schedule, ScheduleStore
from bot.formatting.locale import find_zone
from bot.models import Sender

_SHOWN: Final = 3
_AT_ONCE: Final = 20  # so that whoever asks something meanwhile hardly waits
_INSTANT: Final = timedelta(microseconds=1)


class Schedules:
    """Whose reports are due when."""

    def __init__(
        self, schedules: ScheduleStore, accounts: Accounts, now: Callable[[], datetime]
    ) -> None:
        self._schedules: Final = schedules
        self._accounts: Final = accounts
        self._now: Final = now
        self._log = structlog.get_logger("plans")

    async def arrange(
        self, asker: Sender, timetable: ScheduleRule, *, is_only_changes: bool = False
    ) -> NewSchedule:
        """Plan the asker's reports anew; raise NotConnectedError for somebody unknown.

        That they want only those with changes stays so until they say otherwise.
        """
        account = await self._accounts.load(asker.id)
        if account is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        old = await self._schedules.load(asker.id)
        schedule = Schedule(
            user_id=asker.id,
            username=account.username,
            rule=str(timetable),
            next_at=self._now(),
            start_at=self._now(),
            is_only_changes=is_only_changes or bool(old and old.is_only_changes),
        )
        schedule = _plan_after(schedule, account, self._now())
        await self._schedules.save(schedule)
        return _show(schedule)

    async def arrange_own(self, bot: Sender, timetable: ScheduleRule, zone: str) -> None:
        """Plan the bot's report about itself; what is planned like that already goes on."""
        old = await self._schedules.load(bot.id)
        if old and (old.rule, old.zone) == (str(timetable), zone):
            return
        now = self._now()
        schedule = Schedule(bot.id, bot.username, str(timetable), now, now, zone=zone)
        await self._schedules.save(_plan_after(schedule, None, now))

    async def load(self, user_id: str) -> NewSchedule | None:
        """Return the plan; None where there is none."""
        found = await self._schedules.load(user_id)
        return _show(found) if found else None

    async def toggle_changes(self, user_id: str) -> NewSchedule:
        """Want only reports with changes, or all again; raise UsageError without a plan."""
        schedule = await self._require(user_id)
        changed = replace(schedule, is_only_changes=not schedule.is_only_changes)
        await self._schedules.save(changed)
        return _show(changed)

    async def pause(self, user_id: str, length: timedelta) -> NewSchedule:
        """Let all reports drop out that are due before the pause ends; raise UsageError."""
        schedule = await self._require(user_id)
        paused_until = self._now() + length
        account = await self._accounts.load(user_id)
        paused = replace(schedule, paused_until=paused_until)
        paused = _plan_after(paused, account, paused_until - _INSTANT)
        await self._schedules.save(paused)
        return _show(paused)

    async def stop(self, user_id: str) -> bool:
        """Forget the plan; false where there was none."""
        return await self._schedules.delete(user_id)

    async def follow_zone(self, user_id: str) -> NewSchedule | None:
        """Plan anew because the person's time zone is another one now."""
        schedule = await self._schedules.load(user_id)
        return _show(await self._replan(schedule)) if schedule else None

    async def open_due(self) -> int:
        """Make a slot for each report whose time has come, and say how many.

        Of several missed ones only the latest gets a slot; the others are counted as skipped.
        """
        for moved in await self._schedules.load_with_other_zone():
            await self._replan(moved)
        opened = 0
        while due := await self._schedules.load_due(self._now(), _AT_ONCE):
            opened += await self._schedules.create_runs([self._find_opening(each) for each in due])
        return opened

    async def load_for(self, slot: ReportRun) -> Schedule | None:
        """Return the schedule that opened the slot; None where it was ended, changed or paused."""
        schedule = await self._schedules.load(slot.user_id)
        if schedule is None or schedule.rule != slot.rule:
            return None
        is_paused = schedule.paused_until and schedule.paused_until > self._now()
        return None if is_paused else schedule

    async def clear_problems(self, user_id: str) -> None:
        """Remember that a report came through."""
        await self._schedules.clear_problems(user_id)

    async def count_skipped(self, user_id: str) -> None:
        """Remember that a report was not made; the next one will say so."""
        await self._schedules.count_skipped(user_id)

    async def save_problem(self, user_id: str, problem: str) -> None:
        """Remember why no report can be made, which the person knows; nothing if all is well."""
        await self._schedules.save_problem(user_id, problem)

    async def _replan(self, schedule: Schedule) -> Schedule:
        account = await self._accounts.load(schedule.user_id)
        if account and schedule.zone and not account.zone:
            # Nobody chooses to have no zone: the account was connected anew.
            await self._accounts.save_zone(schedule.user_id, schedule.zone)
            return schedule
        base = max(self._now(), schedule.paused_until or self._now())
        moved = _plan_after(schedule, account, base)
        await self._schedules.reschedule(schedule, moved)
        return moved

    def _find_opening(self, schedule: Schedule) -> RunCreation:
        latest, missed = schedule.next_at, 0
        place = find_place(schedule.user_id)
        timetable = parse_timetable(schedule.rule)
        for time in list_times(timetable, _zone_of(schedule), schedule.next_at):
            if time + place > self._now():
                break
            latest, missed = time, missed + 1
        ahead = replace(schedule, next_at=time, start_at=time + place, paused_until=None)
        if missed:
            self._log.warning("reports were missed", count=missed, user_id=schedule.user_id)
        return RunCreation(schedule, ahead, latest, missed)

    async def _require(self, user_id: str) -> Schedule:
        schedule = await self._schedules.load(user_id)
        if schedule is None:
            raise UsageError(
                "You have no reports planned. {example} plans one.",
                example=Call("report daily 09:00"),
            )
        return schedule


def _plan_after(schedule: Schedule, account: ConnectedAccount | None, after: datetime) -> Schedule:
    if account is not None:
        schedule = replace(schedule, zone=account.zone, utc_offset=account.utc_offset)
    next_at = find_next(parse_timetable(schedule.rule), _zone_of(schedule), after)
    return replace(schedule, next_at=next_at, start_at=next_at + find_place(schedule.user_id))


def _zone_of(schedule: Schedule) -> tzinfo:
    return find_zone(schedule.zone, schedule.utc_offset)


def _show(schedule: Schedule) -> NewSchedule:
    timetable = parse_timetable(schedule.rule)
    times = list_next(timetable, _zone_of(schedule), schedule.next_at - _INSTANT, _SHOWN)
    return NewSchedule(timetable, tuple(times), schedule.is_only_changes, schedule.paused_until)
