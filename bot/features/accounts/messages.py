"""Messages about connecting an account."""

from bot.features.accounts.linking import Invitation
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import escape
from bot.models import Attachment, Button, Reply


def format_invitation(lead: str, invitation: Invitation, locale: UserLocale) -> Reply:
    """Offer the one-time link, after a first sentence that says why."""
    steps = locale.text(
        "[Open your connection page]({link}) and follow the steps there. "
        "The link works once, for ten minutes, and only for your own account.",
        link=invitation.link,
    )
    if not invitation.is_licensed:
        limits = locale.text(
            "This workspace has no device management, so I cannot see any sessions here. With a "
            "personal access token of yours I can do one thing: {all} signs you out everywhere.",
            all=locale.call("logout all"),
        )
        steps = f"{limits}\n{steps}"
    button = Button(locale.text("Connect"), url=invitation.link)
    return Reply(lead, Attachment(Colour.BLUE, text=steps), buttons=((button,),))


def format_unlicensed(problem: str, locale: UserLocale, *, has_token: bool) -> Reply:
    """Say what works without device management; ``problem`` is the translated sentence.

    ``has_token`` is whether the person gave the bot a personal access token.
    """
    everything = locale.call("logout all")
    if has_token:
        text = locale.text("One thing works: {all} signs you out everywhere.", all=everything)
    else:
        text = locale.text(
            "One thing works: {all} signs you out everywhere. For that, and for nothing else, I "
            "need a personal access token of yours: {connect}.",
            all=everything,
            connect=locale.call("connect"),
        )
    return Reply(problem, Attachment(Colour.AMBER, text=text))


def format_connected(locale: UserLocale) -> Reply:
    """Confirm a connection, in chat."""
    return Reply(
        locale.text(
            "You are connected. {command} ends that whenever you like.",
            command=locale.call("disconnect"),
        )
    )


def format_foreign_token(owner: str, locale: UserLocale) -> Reply:
    """Tell the asker that another account's token came through their link."""
    return Reply(
        locale.text(
            "Somebody opened your connection link and gave me permission for another account, "
            "{owner}. I have stored nothing. Was that you? Then try again with your own account.",
            owner=escape(owner),
        )
    )


def format_misused_token(asker: str, locale: UserLocale) -> Reply:
    """Tell the owner of a token that it came through another person's link."""
    return Reply(
        locale.text(
            "I received permission for your account through a connection link made for {asker}. I "
            "have stored nothing. If somebody sent you that link, do not trust it; if you pasted a "
            "personal access token there, delete it in Rocket.Chat.",
            asker=escape(asker),
        ),
    )


def format_token_expired(invitation: Invitation, locale: UserLocale) -> Reply:
    """Tell the owner of a token that it no longer works, and offer a new link."""
    lead = locale.text(
        "Your workspace no longer accepts the permission you gave me, so I have deleted it. "
        "If you still want me to see your sessions, please connect again: now, or later with "
        "{command}.",
        command=locale.call("connect"),
    )
    return format_invitation(lead, invitation, locale)


def format_token_in_chat(locale: UserLocale) -> Reply:
    """Tell a person who wrote a token into the chat what to do about it."""
    lead = locale.text(
        "That looks like a token. I have neither used nor stored it, but others may read it here."
    )
    steps = locale.text(
        "Please delete your message, then make the token useless: in Rocket.Chat, open your "
        'profile, "Personal Access Tokens", and delete it there. To connect, write {command} and '
        "give your permission on the page that I send you, never in the chat.",
        command=locale.call("connect"),
    )
    return Reply(lead, Attachment(Colour.RED, text=steps))
