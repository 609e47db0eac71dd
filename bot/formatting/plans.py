"""The plan of a person's reports in words, and what stands in its way."""

from datetime import date, datetime, timedelta
from typing import Final

from babel.dates import format_date

from bot.formatting.reader import Reader
from bot.formatting.reports import format_time
from bot.formatting.sessions import Colour
from bot.models import Attachment, Fact, Reply
from bot.timetable import LAST_OF_EVERY_MONTH, SPREAD, Form, Plan, Timetable

_A_MONDAY: Final = date(2024, 1, 1)


def format_plan(plan: Plan, reader: Reader) -> Reply:
    """Say what was arranged, and when the next reports come."""
    if plan.paused_until:
        lead = reader.text(
            "No reports until {time}. {command} brings them back sooner.",
            time=format_time(plan.paused_until, reader),
            command=reader.call(f"report {plan.timetable}"),
        )
    elif plan.is_only_changes:
        lead = reader.text(
            "You get a report {schedule}, but only if something has changed.",
            schedule=format_timetable(plan.timetable, reader),
        )
    else:
        schedule = format_timetable(plan.timetable, reader)
        lead = reader.text("You get a report {schedule}.", schedule=schedule)
    facts = (
        Fact(reader.text("The next ones"), _list_times(plan, reader), is_short=False),
        Fact(reader.text("Time zone"), _format_zone(reader)),
        Fact(reader.text("Other wishes"), _list_wishes(plan, reader), is_short=False),
    )
    return Reply(lead, Attachment(Colour.BLUE, facts=facts))


def format_trouble(problem: str, due_at: datetime, reader: Reader) -> Reply:
    """Say once why a report that is due cannot be made; ``problem`` is a sentence already."""
    text = reader.text(
        "Your reports wait until that is put right, and then go on by themselves. {off} ends them.",
        off=reader.call("report off"),
    )
    lead = reader.text("Your report of {time} could not be made.", time=format_time(due_at, reader))
    return Reply(lead, Attachment(Colour.AMBER, text=f"{problem}\n{text}"))


def _list_times(plan: Plan, reader: Reader) -> str:
    times = "\n".join(format_time(time, reader) for time in plan.times)
    minutes = int(SPREAD.total_seconds() / 60)
    spread = reader.plural(
        "each within {count} minute of that time",
        "each within {count} minutes of that time",
        minutes,
    )
    return f"{times}\n({spread})"


def _format_zone(reader: Reader) -> str:
    return f"{reader.zone_name()} ({reader.call('timezone')})"


def _list_wishes(plan: Plan, reader: Reader) -> str:
    changes = (
        reader.text("{command} sends all of them again", command=reader.call("report changes"))
        if plan.is_only_changes
        else reader.text(
            "{command} only if something changed", command=reader.call("report changes")
        )
    )
    pause = reader.text("{command} for a rest", command=reader.call("report pause 2w"))
    off = reader.text("{command} ends it", command=reader.call("report off"))
    return f"{changes}, {pause}, {off}"


def format_timetable(timetable: Timetable, reader: Reader) -> str:
    """Write ``weekly mon 09:00`` as ``every Monday at 09:00``."""
    time = f"{timetable.hour:02}:{timetable.minute:02}"
    if timetable.form is Form.DAILY:
        return reader.text("every day at {time}", time=time)
    if timetable.form is Form.WEEKDAYS:
        return reader.text("Monday to Friday at {time}", time=time)
    if timetable.form is Form.WEEKLY:
        day = format_date(_A_MONDAY + timedelta(days=timetable.day), "EEEE", locale=reader.locale)
        return reader.text("every {day} at {time}", day=day, time=time)
    if timetable.day > LAST_OF_EVERY_MONTH:
        return reader.text(
            "on day {day} of the month at {time} (where the month is shorter, on its last)",
            day=timetable.day,
            time=time,
        )
    return reader.text("on day {day} of the month at {time}", day=timetable.day, time=time)
