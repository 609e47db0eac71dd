from bot.command import Context, command
from bot.formatting.plans import format_timetable
from bot.formatting.sessions import Colour
from bot.formatting.text import code, neutralise
from bot.models import Attachment, Fact, Reply


@command("whoami", rank=12)
async def whoami(context: Context) -> Reply:
    """Show who you are to me: whether you are connected, since when, how, and for how long."""
    reader = context.reader
    account = await context.services.connections.load(context.asker.id)
    name = neutralise(context.asker.username)
    if account is None:
        return Reply(
            reader.text(
                "You are {name}, and not connected. {command} changes that.",
                name=name,
                command=reader.call("connect"),
            )
        )
    if account.kind == "oauth":
        means = reader.text("a permission given in Rocket.Chat")
        end = reader.text("you disconnect; until then it renews itself")
    else:
        means = reader.text("a personal access token")
        end = reader.text("you delete it in Rocket.Chat, or disconnect")
    plan = await context.services.plans.load(account.user_id)
    lookout = await context.services.alerts.load(account.user_id)
    reports = format_timetable(plan.timetable, reader) if plan else reader.text("none planned")
    facts = (
        Fact(reader.text("Connected"), reader.moment(account.connected_at, context.now)),
        Fact(reader.text("With"), means),
        Fact(reader.text("Good until"), end, is_short=False),
        Fact(reader.text("Time zone"), reader.zone_name()),
        Fact(reader.text("Reports"), reports),
        Fact(reader.text("Alerts"), reader.text("on") if lookout else reader.text("off")),
        Fact(reader.text("User id"), code(account.user_id)),
    )
    return Reply(
        reader.text("You are {name}, and connected.", name=name),
        Attachment(Colour.BLUE, facts=facts),
    )
