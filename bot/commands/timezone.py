from dataclasses import replace
from difflib import get_close_matches
from zoneinfo import available_timezones

from bot.commands.registry import Context, command
from bot.errors import Call, NotConnectedError, UsageError
from bot.formatting.locale import find_zone
from bot.models import Reply


@command(
    "timezone <name>", "timezone", examples=("timezone Europe/Lisbon", "timezone Tokyo"), rank=13
)
async def timezone(context: Context) -> Reply:
    """Set the time zone in which I show times; without a name, show it.

    Until you set one, I use the UTC offset that Rocket.Chat has stored for you.
    """
    words = "_".join(context.words.split()).strip("\"'`")
    locale = context.locale
    if not words:
        return Reply(
            locale.text(
                "Your time zone is {zone}, where it is {time} now.",
                zone=locale.zone_name(),
                time=locale.clock(context.now),
            )
        )
    name = _find_name(words)
    if context.account is None:
        raise NotConnectedError("I can store your time zone once you are connected.")
    await context.accounts.save_zone(context.asker.id, name)
    await context.schedules.move_to_zone(replace(context.account, zone=name))
    there = locale.in_zone(find_zone(name, None))
    return Reply(
        locale.text(
            "From now on your time zone is {zone}, where it is {time} now.",
            zone=name,
            time=there.clock(context.now),
        )
    )


def _find_name(words: str) -> str:
    known = {name.casefold(): name for name in available_timezones() if name != "localtime"}
    cities = {name.rpartition("/")[2]: name for name in sorted(known) if "/" in name}
    wanted = words.casefold()
    found = known.get(wanted) or known.get(cities.get(wanted, ""))
    if found:
        return found
    near = get_close_matches(wanted, [*known, *cities], n=1, cutoff=0.6)
    if not near:
        raise UsageError(
            "There is no time zone {zone}. For example: {example}.",
            zone=words,
            example=Call("timezone Europe/Lisbon"),
        )
    nearest = known.get(near[0]) or known[cities[near[0]]]
    raise UsageError(
        "There is no time zone {zone}. Did you mean {nearest}?",
        zone=words,
        nearest=Call(f"timezone {nearest}"),
    )
