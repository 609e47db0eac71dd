import unicodedata
from difflib import get_close_matches

from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.reports.messages import format_next, format_report
from bot.features.reports.schedule_messages import format_plan
from bot.features.reports.schedule_rules import Frequency, parse_pause, parse_timetable
from bot.models import Reply

_CHANGES = "changes"
_WISHES = ("now", "off", "pause", _CHANGES)


@command(
    "report",
    "report daily <time>",
    "report weekdays <time>",
    "report weekly <day> <time>",
    "report monthly <day> <time>",
    "report changes",
    "report pause <length>",
    "report off",
    examples=(
        "report",
        "report daily 09:00",
        "report weekly mon 9am",
        "report monthly 31 18:00",
        "report changes",
        "report pause 2w",
    ),
    rank=6,
)
async def report(context: Context) -> Reply:
    """Report on your devices and what has changed: now, or as often as you like.

    Times are in your time zone; "timezone" shows and changes it. A day that a month does not have
    is its last one; an hour that a change of the clocks leaves out is made up for right after it,
    and one that comes twice counts once. "changes" sends a report only when something has changed,
    and the same again sends all of them.
    """
    words = unicodedata.normalize("NFKC", context.words).strip("\"'` ")
    first = words.partition(" ")[0].casefold()
    if first in {"", "now"}:
        return await _report_now(context)
    if first == "off":
        return await _stop(context)
    if first == "pause":
        length = parse_pause(words[len(first) :])
        plan = await context.services.plans.pause(context.asker.id, length)
        return format_plan(plan, context.locale)
    if words.casefold() == _CHANGES:
        return format_plan(
            await context.services.plans.toggle_changes(context.asker.id), context.locale
        )
    return await _arrange(context, words, first)


async def _report_now(context: Context) -> Reply:
    reports, user_id, locale = context.services.reports, context.asker.id, context.locale
    found = await reports.make(user_id)
    await reports.number(user_id, found)
    plan = await context.services.plans.load(user_id)
    if plan:
        note = format_next(plan.times[0], locale)
    else:
        example = locale.call("report daily 09:00")
        note = locale.text("{command} sends you one every day.", command=example)
    await reports.keep(user_id, found)
    return format_report(found, locale, context.now, (note,))


async def _stop(context: Context) -> Reply:
    if await context.services.plans.stop(context.asker.id):
        return Reply(context.locale.text("Done: no more reports."))
    return Reply(context.locale.text("You have no reports planned, so there is nothing to end."))


async def _arrange(context: Context, words: str, first: str) -> Reply:
    _suggest_wish(first)
    parts = words.split()
    others = [part for part in parts if part.casefold() != _CHANGES]
    timetable = parse_timetable(" ".join(others))
    plan = await context.services.plans.arrange(
        context.asker, timetable, is_only_changes=len(others) < len(parts)
    )
    return format_plan(plan, context.locale)


def _suggest_wish(word: str) -> None:
    near = get_close_matches(word, [*_WISHES, *Frequency], n=1, cutoff=0.6)
    if near and near[0] in _WISHES and word != near[0]:
        raise UsageError(
            "I don't know the schedule {word}. Did you mean {nearest}?",
            word=word,
            nearest=Call(f"report {'pause 2w' if near[0] == 'pause' else near[0]}"),
        )
