"""What the bot says about connecting an account."""

from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import neutralise
from bot.models import Attachment, Reply


def format_invitation(lead: str, link: str, reader: Reader) -> Reply:
    """Offer the one-time link, after a first sentence that says why."""
    steps = reader.text(
        "[Open your connection page]({link}) and follow the two steps there. "
        "The link works once, for ten minutes, and only for your own account.",
        link=link,
    )
    return Reply(lead, Attachment(Colour.BLUE, text=steps))


def format_connected(reader: Reader) -> Reply:
    """Confirm a connection, in chat."""
    return Reply(
        reader.text(
            "You are connected. {command} ends that whenever you like.",
            command=reader.call("disconnect"),
        )
    )


def format_foreign_token(owner: str, reader: Reader) -> Reply:
    """Tell the asker that somebody else's token came through their link."""
    return Reply(
        reader.text(
            "Somebody opened your connection link and gave me a token of another account, {owner}. "
            "I have kept nothing. Was that you? Then try again with a token of your own.",
            owner=neutralise(owner),
        )
    )


def format_misused_token(asker: str, reader: Reader) -> Reply:
    """Tell the owner of a token that it came through somebody else's link."""
    return Reply(
        reader.text(
            "A token of yours came to me through a connection link made for {asker}. I have kept "
            "nothing. If somebody sent you that link, do not trust it, and delete the token.",
            asker=neutralise(asker),
        ),
    )
