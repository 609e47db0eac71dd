from bot.commands.registry import Command, Context, command
from bot.formatting.colours import Colour
from bot.models import Attachment, Reply
from bot.parsing import parse_name


@command("help [command]", examples=("help session",), rank=60)
async def show_help(context: Context) -> Reply:
    """List the commands, or explain one of them."""
    name = parse_name(context.words)
    # "help me" asks for the list; `!help sesion` gets "did you mean".
    is_asked_for = context.invocation.is_prefixed and name != "me"
    if name in context.commands or (name and is_asked_for):
        return _explain(context.commands.find(name), context)
    text = context.locale.text
    call = context.locale.call
    lines = [f"{call(each.forms[0])} {text(each.summary)}" for each in context.commands]
    return Reply(
        text("I tell you which devices are signed in as you. This is what I understand:"),
        Attachment(Colour.BLUE, text="\n".join(lines)),
    )


def _explain(wanted: Command, context: Context) -> Reply:
    locale = context.locale
    lines = [locale.call(form) for form in wanted.forms]
    if wanted.details:
        lines += ["", locale.text(wanted.details)]
    if wanted.examples:
        lines += ["", locale.text("For example:"), *map(locale.call, wanted.examples)]
    return Reply(
        locale.text(wanted.summary),
        Attachment(Colour.BLUE, text="\n".join(lines)),
    )
