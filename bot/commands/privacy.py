from datetime import datetime

from bot.commands.registry import Context, command
from bot.features.personal_data import StoredAboutPerson
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import code, escape
from bot.models import Attachment, Fact, Reply


@command("privacy", rank=14)
async def privacy(context: Context) -> Reply:
    """Show everything I store about you."""
    locale = context.locale
    stored = await context.personal_data.load(context.asker.id)
    facts = (*_list_account_facts(context), *_list_facts(stored, locale, context.now))
    bare_ids = locale.text(
        "Of messages that I have answered I keep only the ids for a while, without sender, room "
        "or text, so that none is answered twice."
    )
    if not facts:
        nothing = locale.text("I store nothing about you.")
        return Reply(nothing, Attachment(Colour.BLUE, text=bare_ids))
    footer = locale.text(
        "I keep no list of your sessions except the ids behind the numbers, and no addresses "
        "except the networks of your devices. {forget} erases everything.",
        forget=locale.call("forget"),
    )
    return Reply(
        locale.text("This is all I store about you."),
        Attachment(Colour.BLUE, text=f"{footer} {bare_ids}", facts=facts),
    )


def _list_account_facts(context: Context) -> list[Fact]:
    account, locale = context.account, context.locale
    if account is None:
        return []
    return [
        Fact(
            locale.text("User name and id"),
            f"{escape(account.username)}, {account.user_id}",
        ),
        Fact(locale.text("Connected since"), locale.moment(account.connected_at, context.now)),
        Fact(locale.text("Token"), locale.text("encrypted, and never shown")),
        Fact(locale.text("Language"), escape(account.language) or locale.text("not set")),
        Fact(locale.text("Time zone"), locale.zone_name()),
    ]


def _list_facts(stored: StoredAboutPerson, locale: UserLocale, now: datetime) -> list[Fact]:
    facts = []
    if stored.signed_out_at:
        moment = locale.moment(stored.signed_out_at, now)
        facts.append(Fact(locale.text("Signed out everywhere"), moment))
    if stored.device_names:
        names = locale.join(map(escape, stored.device_names))
        facts.append(Fact(locale.text("Names of devices"), names, is_short=False))
    if stored.listed_sessions:
        count = str(stored.listed_sessions)
        facts.append(Fact(locale.text("Session ids of your last list"), count))
    if stored.audit_records:
        count = locale.text(
            "{count}, kept for 90 days: when you connected, used me, disconnected",
            count=stored.audit_records,
        )
        facts.append(Fact(locale.text("Audit records"), count))
    if stored.schedule:
        facts.append(Fact(locale.text("Reports"), code(stored.schedule)))
    if stored.has_alerts:
        facts.append(Fact(locale.text("Alerts"), locale.text("on")))
    if stored.seen_devices:
        seen = locale.text(
            "{count}: program, operating system and network of each", count=stored.seen_devices
        )
        facts.append(Fact(locale.text("Remembered devices"), seen))
    if stored.waiting_questions:
        facts.append(
            Fact(
                locale.text("A question that waits until you connect"),
                locale.text("its id, room and time"),
            )
        )
    if stored.has_open_link:
        facts.append(Fact(locale.text("A connection link"), locale.text("not used yet")))
    return facts
