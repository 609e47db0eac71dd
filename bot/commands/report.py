import unicodedata
from difflib import get_close_matches

from bot.commands.registry import Context, command
from bot.errors import Call, UsageError
from bot.features.reports.messages import format_next, format_report
from bot.features.reports.schedule_messages import format_schedule
from bot.features.reports.schedule_parsing import parse_pause, parse_schedule_rule
from bot.features.reports.schedule_rules import Frequency
from bot.models import Reply

_CHANGES = "changes"
_ALWAYS = "always"
_OPTIONS = ("now", "off", "pause", _CHANGES, _ALWAYS)


@command(
    "report",
    "report daily <time>",
    "report weekdays <time>",
    "report weekly <day> <time>",
    "report monthly <day> <time>",
    "report changes",
    "report always",
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

    Times are in your time zone; "timezone" shows and changes it. If a month is too short for the
    day, the report comes on the month's last day. If the clocks change, a time that is skipped
    moves to right after it, and a time that comes twice counts once. After "changes", reports come
    only when something has changed; after "always", every time again.
    """
    words = unicodedata.normalize("NFKC", context.words).strip("\"'` ")
    first = words.partition(" ")[0].casefold()
    if first in {"", "now"}:
        return await _report_now(context)
    if first == "off":
        return await _stop(context)
    if first == "pause":
        length = parse_pause(words[len(first) :])
        schedule = await context.schedules.pause(context.asker.id, length, context.account)
        return format_schedule(schedule, context.locale, context.now)
    if words.casefold() in {_CHANGES, _ALWAYS}:
        schedule = await context.schedules.save_only_changes(
            context.asker.id, is_only_changes=first == _CHANGES
        )
        return format_schedule(schedule, context.locale, context.now)
    return await _save_schedule(context, words, first)


async def _report_now(context: Context) -> Reply:
    user_id, locale = context.asker.id, context.locale
    found = await context.reports.make(user_id)
    await context.sessions.save_numbers(user_id, found.devices)
    schedule = await context.schedules.load(user_id)
    if schedule:
        note = format_next(schedule.times[0], locale)
    else:
        example = locale.call("report daily 09:00")
        note = locale.text("{command} sends you one every day.", command=example)
    await context.reports.save(user_id, found)
    return format_report(found, locale, context.now, (note,), is_scheduled=bool(schedule))


async def _stop(context: Context) -> Reply:
    if await context.schedules.store.delete(context.asker.id):
        return Reply(context.locale.text("Done: no more reports."))
    return Reply(context.locale.text("You have no scheduled reports, so there is nothing to stop."))


async def _save_schedule(context: Context, words: str, first: str) -> Reply:
    _suggest_option(first)
    parts = words.split()
    options = {part.casefold() for part in parts} & {_CHANGES, _ALWAYS}
    rule = parse_schedule_rule(" ".join(part for part in parts if part.casefold() not in options))
    schedule = await context.schedules.save(
        context.require_account(), rule, is_only_changes=_CHANGES in options if options else None
    )
    return format_schedule(schedule, context.locale, context.now)


def _suggest_option(word: str) -> None:
    """Raise UsageError for a word that looks like a misspelt option."""
    near = get_close_matches(word, [*_OPTIONS, *Frequency], n=1, cutoff=0.6)
    if near and near[0] in _OPTIONS and word != near[0]:
        raise UsageError(
            "I don't know the schedule {word}. Did you mean {nearest}?",
            word=word,
            nearest=Call(f"report {'pause 2w' if near[0] == 'pause' else near[0]}"),
        )
