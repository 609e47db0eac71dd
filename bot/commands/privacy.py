from bot.command import Context, command
from bot.formatting.reader import Reader
from bot.formatting.sessions import Colour
from bot.formatting.text import code, neutralise
from bot.models import Attachment, Fact, Reply
from bot.services.people import StoredAboutPerson


@command("privacy", rank=14)
async def privacy(context: Context) -> Reply:
    """Show everything I store about you."""
    reader = context.reader
    stored = await context.services.people.show(context.asker.id)
    facts = tuple(_list_facts(stored, reader, context))
    bare_ids = reader.text(
        "Of messages that I have answered only the ids stay for a while, without sender, room or "
        "words, so that none is answered twice."
    )
    if not facts:
        nothing = reader.text("I store nothing about you.")
        return Reply(nothing, Attachment(Colour.BLUE, text=bare_ids))
    footer = reader.text(
        "I keep no list of your sessions beyond the ids behind the numbers, and no addresses but "
        "the networks that go with devices. {forget} erases all of it.",
        forget=reader.call("forget"),
    )
    return Reply(
        reader.text("This is all I store about you."),
        Attachment(Colour.BLUE, text=f"{footer} {bare_ids}", facts=facts),
    )


def _list_facts(stored: StoredAboutPerson, reader: Reader, context: Context) -> list[Fact]:
    facts = []
    account = stored.account
    if account:
        facts = [
            Fact(
                reader.text("User name and id"),
                f"{neutralise(account.username)}, {account.user_id}",
            ),
            Fact(reader.text("Connected"), reader.moment(account.connected_at, context.now)),
            Fact(reader.text("Token"), reader.text("encrypted; nobody is shown it")),
            Fact(reader.text("Language"), neutralise(account.language) or reader.text("not set")),
            Fact(reader.text("Time zone"), reader.zone_name()),
        ]
    if stored.device_names:
        names = ", ".join(map(neutralise, stored.device_names))
        facts.append(Fact(reader.text("Names of devices"), names, is_short=False))
    if stored.listed_sessions:
        count = str(stored.listed_sessions)
        facts.append(Fact(reader.text("Session ids of your last list"), count))
    if stored.audit_records:
        count = reader.text(
            "{count}, for 90 days: when you connected, used me, ended it",
            count=stored.audit_records,
        )
        facts.append(Fact(reader.text("Audit records"), count))
    if stored.schedule:
        facts.append(Fact(reader.text("Reports"), code(stored.schedule)))
    if stored.has_alerts:
        facts.append(Fact(reader.text("Alerts"), reader.text("on")))
    if stored.seen_devices:
        seen = reader.text(
            "{count}: program, system and network of each", count=stored.seen_devices
        )
        facts.append(Fact(reader.text("Devices that I remember"), seen))
    if stored.waiting_questions:
        facts.append(
            Fact(
                reader.text("A question that waits until you connect"),
                reader.text("its id, room and time"),
            )
        )
    if stored.has_open_link:
        facts.append(Fact(reader.text("A connection link"), reader.text("not used yet")))
    return facts
