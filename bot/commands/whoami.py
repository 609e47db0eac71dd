from bot.command import Context, command
from bot.formatting.sessions import Colour
from bot.formatting.text import code, neutralise
from bot.models import Attachment, Fact, Reply


@command("whoami", rank=12)
async def whoami(context: Context) -> Reply:
    """Show who you are to me: whether you are connected, since when and how."""
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
    facts = (
        Fact(reader.text("Connected"), reader.moment(account.connected_at, context.now)),
        Fact(reader.text("With"), reader.text("a personal access token")),
        Fact(reader.text("Time zone"), reader.zone_name()),
        Fact(reader.text("User id"), code(account.user_id)),
    )
    return Reply(
        reader.text("You are {name}, and connected.", name=name),
        Attachment(Colour.BLUE, facts=facts),
    )
