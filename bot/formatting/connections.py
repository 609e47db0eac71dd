"""What the bot says about connecting an account."""

from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import neutralise
from bot.models import Attachment, Reply


def format_invitation(lead: str, link: str, reader: Reader) -> Reply:
    """Offer the one-time link, after a first sentence that says why."""
    steps = reader.text(
        "[Open your connection page]({link}) and follow the steps there. "
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
            "Somebody opened your connection link and gave me a permission of another account, "
            "{owner}. I have kept nothing. Was that you? Then try again with your own account.",
            owner=neutralise(owner),
        )
    )


def format_misused_token(asker: str, reader: Reader) -> Reply:
    """Tell the owner of a token that it came through somebody else's link."""
    return Reply(
        reader.text(
            "A permission of yours came to me through a connection link made for {asker}. I have "
            "kept nothing. If somebody sent you that link, do not trust it; if you pasted a "
            "personal access token there, delete it in Rocket.Chat.",
            asker=neutralise(asker),
        ),
    )


def format_lost(link: str, reader: Reader) -> Reply:
    """Tell the owner of a token that the workspace ended it, and offer a new link."""
    lead = reader.text(
        "Your workspace no longer accepts the permission you gave me, so I have forgotten it. "
        "If you still want me to see your sessions, please connect again: now, or later with "
        "{command}.",
        command=reader.call("connect"),
    )
    return format_invitation(lead, link, reader)


def format_token_in_chat(reader: Reader) -> Reply:
    """Tell somebody who wrote a token into the chat what to do about it."""
    lead = reader.text(
        "That looks like a token. I have neither used nor kept it, but here others may read it."
    )
    steps = reader.text(
        "Please delete your message, then make the token useless: in Rocket.Chat, open your "
        'profile, "Personal Access Tokens", and delete it there. To connect, write {command} and '
        "give your permission on the page that I send you, never in the chat.",
        command=reader.call("connect"),
    )
    return Reply(lead, Attachment(Colour.RED, text=steps))
