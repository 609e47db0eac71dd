from bot.commands.registry import Context, command
from bot.features.accounts.store import ConnectedAccount
from bot.features.reports.schedule_messages import format_rule
from bot.formatting.colours import Colour
from bot.formatting.text import code, escape
from bot.models import Attachment, Fact, Reply


@command("whoami", rank=12)
async def whoami(context: Context) -> Reply:
    """Show whether you are connected: since when, how, and for how long."""
    locale = context.locale
    name = escape(context.asker.username)
    if context.account is None:
        return Reply(
            locale.text(
                "You are {name}, and you are not connected. {command} changes that.",
                name=name,
                command=locale.call("connect"),
            )
        )
    facts = await _list_facts(context, context.account)
    return Reply(
        locale.text("You are {name}, and you are connected.", name=name),
        Attachment(Colour.BLUE, facts=facts),
    )


async def _list_facts(context: Context, account: ConnectedAccount) -> tuple[Fact, ...]:
    locale, text = context.locale, context.locale.text
    if account.is_oauth:
        permission = text("Given in Rocket.Chat. I renew it until you disconnect.")
    else:
        permission = text(
            "A personal access token. I use it until you disconnect, or delete it in Rocket.Chat."
        )
    schedule = await context.schedules.load(account.user_id)
    alerts = await context.alerts.load_status(account.user_id)
    return (
        Fact(text("Connected since"), locale.moment(account.connected_at, context.now)),
        Fact(text("Permission"), permission, is_short=False),
        Fact(text("Time zone"), locale.zone_name()),
        Fact(text("Reports"), format_rule(schedule.rule, locale) if schedule else text("none")),
        Fact(text("Alerts"), text("on") if alerts else text("off")),
        Fact(text("User id"), code(account.user_id)),
    )
