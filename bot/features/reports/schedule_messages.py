"""The plan of a person's reports in words, and what stands in its way."""

from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date

from bot.features.reports.messages import format_time
from bot.features.reports.schedule_rules import (
    LAST_OF_EVERY_MONTH,
    SPREAD,
    Frequency,
    NewSchedule,
    ScheduleRule,
)
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.models import Attachment, Fact, Reply

_A_MONDAY: Final = date(2024, 1, 1)


def format_plan(plan: NewSchedule, locale: UserLocale) -> Reply:
    """Say what was arranged, and when the next reports come."""
    if plan.paused_until:
        lead = locale.text(
            "No reports until {time}. {command} brings them back sooner.",
            time=format_time(plan.paused_until, locale),
            command=locale.call(f"report {plan.timetable}"),
        )
    elif plan.is_only_changes:
        lead = locale.text(
            "You get a report {schedule}, but only if something has changed.",
            schedule=format_timetable(plan.timetable, locale),
        )
    else:
        schedule = format_timetable(plan.timetable, locale)
        lead = locale.text("You get a report {schedule}.", schedule=schedule)
    facts = (
        Fact(locale.text("The next ones"), _list_times(plan, locale), is_short=False),
        Fact(locale.text("Time zone"), _format_zone(locale)),
        Fact(locale.text("Other wishes"), _list_wishes(plan, locale), is_short=False),
    )
    return Reply(lead, Attachment(Colour.BLUE, facts=facts))


def format_trouble(problem: str, due_at: datetime, locale: UserLocale) -> Reply:
    """Say once why a report that is due cannot be made; ``problem`` is a sentence already."""
    text = locale.text(
        "Your reports wait until that is put right, and then go on by themselves. {off} ends them.",
        off=locale.call("report off"),
    )
    lead = locale.text("Your report of {time} could not be made.", time=format_time(due_at, locale))
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def _list_times(plan: NewSchedule, locale: UserLocale) -> str:
    times = "\n".join(format_time(time, locale) for time in plan.times)
    minutes = int(SPREAD.total_seconds() / 60)
    spread = locale.plural(
        "each within {count} minute of that time",
        "each within {count} minutes of that time",
        minutes,
    )
    return f"{times}\n({spread})"


def _format_zone(locale: UserLocale) -> str:
    return f"{locale.zone_name()} ({locale.call('timezone')})"


def _list_wishes(plan: NewSchedule, locale: UserLocale) -> str:
    changes = (
        locale.text("{command} sends all of them again", command=locale.call("report changes"))
        if plan.is_only_changes
        else locale.text(
            "{command} only if something changed", command=locale.call("report changes")
        )
    )
    pause = locale.text("{command} for a rest", command=locale.call("report pause 2w"))
    off = locale.text("{command} ends it", command=locale.call("report off"))
    return f"{changes}, {pause}, {off}"


def format_timetable(timetable: ScheduleRule, locale: UserLocale) -> str:
    """Write ``weekly mon 09:00`` as ``every Monday at 09:00``."""
    time = f"{timetable.hour:02}:{timetable.minute:02}"
    if timetable.form is Frequency.DAILY:
        return locale.text("every day at {time}", time=time)
    if timetable.form is Frequency.WEEKDAYS:
        return locale.text("Monday to Friday at {time}", time=time)
    if timetable.form is Frequency.WEEKLY:
        day = format_date(_A_MONDAY + timedelta(days=timetable.day), "EEEE", locale=locale.babel)
        return locale.text("every {day} at {time}", day=day, time=time)
    if timetable.day > LAST_OF_EVERY_MONTH:
        return locale.text(
            "on day {day} of the month at {time} (where the month is shorter, on its last)",
            day=timetable.day,
            time=time,
        )
    return locale.text("on day {day} of the month at {time}", day=timetable.day, time=time)
