"""The bot and a simulated workspace in one process, to try it without installing anything."""

import asyncio
import re
import webbrowser

from bot.demo.open_demo import listen, open_demo
from rocketchat_simulator import Person, Simulator, open_person
from rocketchat_simulator.demo.seed import DemoPeople, seed
from rocketchat_simulator.person import Json

_LINK = re.compile(r"https?://\S+/connect/[\w-]+")


async def run_demo(port: int, *, is_browser_wanted: bool) -> None:
    """Run both until cancelled, and print the address to open."""
    async with open_demo(port) as demo:
        url = demo.simulator.url
        print(f"Open {url} in a browser. Ctrl+C ends the demo.", flush=True)  # noqa: T201
        if is_browser_wanted:
            await asyncio.to_thread(webbrowser.open, url)
        await asyncio.get_running_loop().create_future()


async def say_in_demo(text: str) -> None:
    """Connect Alice, send the text to the bot as Alice, print the bot's answer."""
    async with open_demo(0) as demo:
        alice = demo.people.alice
        async with open_person(demo.simulator.url, alice.username, alice.password) as person:
            room_id = await person.open_direct_room(demo.people.bot.username)
            await _connect(person, room_id)
            await person.say(room_id, text)
            print(format_as_text(await person.hear(room_id)))  # noqa: T201 - what was asked for


async def run_simulated_workspace(port: int, version: str, *, is_licensed: bool) -> None:
    """Run the workspace alone until cancelled; print what a bot needs to log in."""
    workspace = Simulator(version=version, is_licensed=is_licensed, port=port)
    async with listen(workspace, port) as simulator:
        people = seed(simulator.workspace)
        simulator.demo_people.extend(people.visitors)
        print(_describe(simulator.url, people), flush=True)  # noqa: T201 - what was asked for
        await asyncio.get_running_loop().create_future()


def _describe(url: str, people: DemoPeople) -> str:
    lines = [
        "[workspace]",
        f'url = "{url}"',
        f'user_id = "{people.bot.id}"',
        f'auth_token = "{people.bot_token}"',
        "",
        "[people]",
    ]
    lines += [f'{each.username}_password = "{each.password}"' for each in people.visitors[::-1]]
    return "\n".join(lines)


async def _connect(person: Person, room_id: str) -> None:
    await person.say(room_id, "!connect")
    link = find_link(await person.hear(room_id))
    token = await person.make_personal_access_token("session bot")
    await person.fill_in(link, user_id=person.user_id, token=token)
    await person.hear(room_id)


def find_link(message: Json) -> str:
    """Return the connection link in a message of the bot's; raise LookupError if there is none."""
    found = _LINK.search(str(message))
    if found is None:
        raise LookupError("no connection link in the message")
    return found[0]


def format_as_text(message: Json) -> str:
    """Format a message with its attachments for a terminal."""
    lines = [str(message["msg"])]
    for attachment in message.get("attachments", ()):
        lines += [attachment[key] for key in ("title", "text") if attachment.get(key)]
        fields = attachment.get("fields", ())
        lines += [f"  {each['title']}: {each['value']}".replace("\n", "\n    ") for each in fields]
    return "\n".join(lines)
