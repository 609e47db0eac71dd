"""Messages about a person's schedule of reports, and why a report could not be made."""

from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date

from bot.features.reports.messages import format_pause
from bot.features.reports.schedule_rules import (
    LAST_DAY_OF_EVERY_MONTH,
    SPREAD,
    Frequency,
    ScheduleRule,
)
from bot.features.reports.schedules import ScheduleSummary
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.zones import format_offset_note
from bot.models import Attachment, Fact, Reply

_A_MONDAY: Final = date(2024, 1, 1)


def format_schedule(schedule: ScheduleSummary, locale: UserLocale, now: datetime) -> Reply:
    """Say what the schedule is, and when the next reports come."""
    facts = (
        Fact(locale.text("Next reports"), _format_times(schedule, locale), is_short=False),
        Fact(locale.text("Time zone"), f"{locale.zone_name()} ({locale.call('timezone')})"),
        Fact(locale.text("Options"), _format_options(schedule, locale), is_short=False),
    )
    note = format_offset_note(locale, now)
    return Reply(
        _format_headline(schedule, locale), Attachment(Colour.BLUE, text=note, facts=facts)
    )


def format_trouble(problem: str, due_at: datetime, locale: UserLocale) -> Reply:
    """Say why a report that is due cannot be made; ``problem`` is a translated sentence."""
    text = locale.text(
        "Your reports are paused until this is fixed, then they continue by themselves. "
        "{off} ends them.",
        off=locale.call("report off"),
    )
    time = locale.time_with_weekday(due_at)
    lead = locale.text("Your report of {time} could not be made.", time=time)
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def format_rule(rule: ScheduleRule, locale: UserLocale) -> str:
    """Write ``weekly mon 09:00`` as ``every Monday at 09:00``."""
    time = locale.hour_and_minute(rule.hour, rule.minute)
    if rule.frequency is Frequency.DAILY:
        return locale.text("every day at {time}", time=time)
    if rule.frequency is Frequency.WEEKDAYS:
        return locale.text("Monday to Friday at {time}", time=time)
    if rule.frequency is Frequency.WEEKLY:
        day = format_date(_A_MONDAY + timedelta(days=rule.day), "EEEE", locale=locale.babel)
        return locale.text("every {day} at {time}", day=day, time=time)
    if rule.day > LAST_DAY_OF_EVERY_MONTH:
        return locale.text(
            "on day {day} of the month at {time} (where the month is shorter, on its last)",
            day=rule.day,
            time=time,
        )
    return locale.text("on day {day} of the month at {time}", day=rule.day, time=time)


def _format_headline(schedule: ScheduleSummary, locale: UserLocale) -> str:
    if schedule.paused_until:
        return locale.text(
            "No reports until {time}. {command} brings them back sooner.",
            time=locale.time_with_weekday(schedule.paused_until),
            command=locale.call(f"report {schedule.rule}"),
        )
    when = format_rule(schedule.rule, locale)
    if schedule.is_only_changes:
        return locale.text(
            "You get a report {schedule}, but only if something has changed.", schedule=when
        )
    return locale.text("You get a report {schedule}.", schedule=when)


def _format_times(schedule: ScheduleSummary, locale: UserLocale) -> str:
    times = "\n".join(map(locale.time_with_weekday, schedule.times))
    minutes = int(SPREAD.total_seconds() / 60)
    spread = locale.plural(
        "up to {count} minute later if many people have that time",
        "up to {count} minutes later if many people have that time",
        minutes,
    )
    return f"{times}\n({spread})"


def _format_options(schedule: ScheduleSummary, locale: UserLocale) -> str:
    if schedule.is_only_changes:
        changes = locale.text(
            "{command}: also without changes", command=locale.call("report always")
        )
    else:
        changes = locale.text("{command}: only with changes", command=locale.call("report changes"))
    off = locale.text("{command}: no more reports", command=locale.call("report off"))
    return f"{changes}\n{format_pause(locale)}\n{off}"
