from bot.commands.registry import Context, command
from bot.features.reports.schedule_messages import format_timetable
from bot.formatting.colours import Colour
from bot.formatting.text import code, escape
from bot.models import Attachment, Fact, Reply


@command("whoami", rank=12)
async def whoami(context: Context) -> Reply:
    """Show who you are to me: whether you are connected, since when, how, and for how long."""
    locale = context.locale
    account = await context.services.connections.load(context.asker.id)
    name = escape(context.asker.username)
    if account is None:
        return Reply(
            locale.text(
                "You are {name}, and not connected. {command} changes that.",
                name=name,
                command=locale.call("connect"),
            )
        )
    if account.kind == "oauth":
        means = locale.text("a permission given in Rocket.Chat")
        end = locale.text("you disconnect; until then it renews itself")
    else:
        means = locale.text("a personal access token")
        end = locale.text("you delete it in Rocket.Chat, or disconnect")
    plan = await context.services.plans.load(account.user_id)
    lookout = await context.services.alerts.load(account.user_id)
    reports = format_timetable(plan.timetable, locale) if plan else locale.text("none planned")
    facts = (
        Fact(locale.text("Connected"), locale.moment(account.connected_at, context.now)),
        Fact(locale.text("With"), means),
        Fact(locale.text("Good until"), end, is_short=False),
        Fact(locale.text("Time zone"), locale.zone_name()),
        Fact(locale.text("Reports"), reports),
        Fact(locale.text("Alerts"), locale.text("on") if lookout else locale.text("off")),
        Fact(locale.text("User id"), code(account.user_id)),
    )
    return Reply(
        locale.text("You are {name}, and connected.", name=name),
        Attachment(Colour.BLUE, facts=facts),
    )
