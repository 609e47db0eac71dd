"""People who talk to the bot: over the network, or in the simulated workspace itself."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bot.demo.demo import find_link, format_as_text
from rocketchat_simulator import (
    Document,
    Event,
    MessageStored,
    Person,
    Room,
    Simulator,
    User,
    Visit,
)
from rocketchat_simulator.person import Json
from tests.support.clock import Clock
from tests.support.deadlines import DEADLINE_S

SOON = timedelta(seconds=2)
"""After its time a report comes, where few are due then."""

_HIDDEN_FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


@dataclass
class Conversation:
    """A person who is logged in over REST and websocket, and their direct room with the bot."""

    person: Person
    room_id: str
    clock: Clock = field(default_factory=Clock)

    async def say(self, text: str, **extra: object) -> Json:
        return await self.person.say(self.room_id, text, **extra)

    async def hear(self, seconds: float = DEADLINE_S) -> str:
        return format_as_text(await self.person.hear(self.room_id, seconds=seconds))

    async def hear_message(self) -> Json:
        return await self.person.hear(self.room_id, seconds=DEADLINE_S)

    async def ask_for_message(self, text: str) -> Json:
        """Say it, and return the answer as the workspace has it."""
        await self.say(text)
        return await self.hear_message()

    async def press(self, message: Json, label: str) -> Json:
        """Press a button, and return the answer as the workspace has it."""
        await self.person.press(message, label)
        return await self.hear_message()

    async def hear_at(self, moment: datetime) -> str:
        """Move the clock just past that time, at which a single report comes."""
        await self.clock.pass_to(moment + SOON)
        return await self.hear()

    async def ask(self, text: str) -> str:
        """Say it, and return the answer as text."""
        await self.say(text)
        return await self.hear()

    async def ask_for_result(self, text: str, words: str) -> str:
        """Say it; return the first answer with these words: others tell how far it is."""
        await self.say(text)
        while words not in (heard := await self.hear()):
            pass
        return heard

    async def expect_silence(self) -> None:
        """Prove that nothing came: ask for help, and see that its answer is the next thing."""
        answer = await self.ask("!help session")
        assert answer.startswith("Show one of your sessions"), answer

    async def ask_for_link(self, text: str = "!connect") -> str:
        await self.say(text)
        return find_link(await self.person.hear(self.room_id, seconds=DEADLINE_S))

    async def connect(self) -> str:
        """Connect with a personal access token; return what the bot then says."""
        status, page = await self.paste_token(await self.ask_for_link())
        assert status == 200, page
        return await self.hear()

    async def paste_token(self, link: str) -> tuple[int, str]:
        """Make a personal access token and send it in the form; return status and page."""
        token = await self.person.make_personal_access_token(f"bot {link[-8:]}")
        return await self.person.fill_in(link, user_id=self.person.user_id, token=token)

    async def connect_by_button(self) -> str:
        """Connect through OAuth; return what the bot then says."""
        visit = await self.press_button(await self.ask_for_link())
        assert visit.status == 200, visit.page
        return await self.hear()

    async def press_button(self, link: str, *, allows: bool = True) -> Visit:
        """Press the button, answer the workspace's question, and go where that leads."""
        fields = await self.person.open_form(link)
        return await self.person.authorize(f"{link}/oauth", fields, allows=allows)

    async def go_to_consent(self, link: str) -> str:
        """Press the button; return the address of the workspace's consent page."""
        fields = await self.person.open_form(link)
        visit = await self.person.visit(f"{link}/oauth", fields, follows=False)
        assert visit.status == 303, visit.page
        return visit.location

    async def get_way_back(self, link: str) -> str:
        """Press the button and allow it; return the address where that leads, not yet opened."""
        answered = await self.person.answer_consent(await self.go_to_consent(link))
        assert answered.status == 302, answered.page
        return answered.location


def find_retry(page: str, link: str) -> str:
    """Return the new link in a page that offers another try."""
    base = link.rpartition("/connect/")[0]
    return base + page.partition('action="')[2].partition('"')[0].removesuffix("/oauth")


@dataclass
class Guest:
    """Somebody in the workspace itself: no outage and no rate limit keeps them from talking."""

    simulator: Simulator
    user: User
    bot: User
    room: Room
    replies: dict[str, Document] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    """What ``hear`` has passed over."""
    noticed_at: float = 0.0
    token: str = ""
    """The personal access token that was made last."""
    _unheard: deque[str] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.simulator.workspace.subscribe(self._listen)

    def say(self, text: str, room: Room | None = None, **extra: Any) -> Document:  # noqa: ANN401 - fields of a message
        return self.simulator.workspace.say(self.user, room or self.room, text, **extra)

    def ask(self, *names: str) -> list[Document]:
        """Call commands that do not exist: the answers repeat their names."""
        return [self.say(f"!{name}") for name in names]

    @property
    def offset(self) -> timedelta:
        return timedelta(hours=self.user.utc_offset or 0)

    @property
    def texts(self) -> list[str]:
        """What the bot said here, in order."""
        return [format_as_text(reply) for reply in self.replies.values()]

    @property
    def answered(self) -> list[str]:
        """The names in the answers, in order."""
        found = [text.split("no command ") for text in self.texts]
        return [words[1].split(".")[0] for words in found if len(words) > 1]

    async def hear(self, *words: str) -> str:
        """Wait for a message with any of these words; keep those before it as notices."""
        async with asyncio.timeout(10 * DEADLINE_S):
            while True:
                while not self._unheard:
                    await self._wait_for_change()
                text = self._unheard.popleft()
                if any(each in text for each in words):
                    return text
                self.notices.append(text)
                self.noticed_at = time.monotonic()

    @property
    def has_unheard(self) -> bool:
        return bool(self._unheard)

    async def wait_until(self, is_enough: Callable[["Guest"], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not is_enough(self):
                await self._wait_for_change()

    async def wait_for_answers(self, *names: str) -> None:
        """Wait for the last of them, and see that all came, once and in order."""
        await self.wait_for_number(len(names))
        assert self.answered == list(names)

    async def wait_for_number(self, number: int) -> None:
        """Wait until so many have been answered."""
        await self.wait_until(lambda guest: len(guest.answered) >= number)

    async def wait_for_text(self, words: str) -> str:
        await self.wait_until(lambda guest: any(words in text for text in guest.texts))
        return next(text for text in self.texts if words in text)

    async def expect_nothing_more(self) -> None:
        """Ask once more, and see that its answer is the next thing."""
        before = len(self.replies)
        self.ask("afterwards")
        await self.wait_until(lambda guest: "afterwards" in guest.answered)
        assert len(self.replies) == before + 1, self.texts[before:]

    async def ask_for_link(self, text: str = "!connect") -> str:
        """Ask; return the newest link that comes."""
        before = len(self.replies)
        self.say(text)
        await self.wait_until(lambda guest: bool(_find_links(guest.texts[before:])))
        return find_link({"msg": _find_links(self.texts)[-1]})

    async def connect(self) -> None:
        """Connect, and pass over what has been said until then."""
        visit = await self.fill_in(await self.ask_for_link())
        assert visit.status == 200, visit.page
        await self.hear("You are connected")
        self.notices.clear()

    async def fill_in(self, link: str) -> Visit:
        """Open the form and send it with a new token; return what the browser then shows."""
        async with _open_browser() as http:
            async with http.get(link) as response:
                fields = dict(_HIDDEN_FIELD.findall(await response.text()))
            name = f"bot {len(self.user.tokens)}"
            self.token = self.simulator.workspace.make_personal_access_token(self.user, name)
            fields |= {"user_id": self.user.id, "token": self.token}
            async with http.post(link, data=fields) as response:
                return Visit(str(response.url), response.status, await response.text())

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _listen(self, event: Event) -> None:
        if not isinstance(event, MessageStored) or event.room.id != self.room.id:
            return
        message = event.message
        if message["u"]["_id"] == self.bot.id and message["_id"] not in self.replies:
            self.replies[message["_id"]] = message
            self._unheard.append(format_as_text(message))
            self._changed.set()


def _find_links(texts: list[str]) -> list[str]:
    return [text for text in texts if "/connect/" in text]


@asynccontextmanager
async def _open_browser() -> AsyncIterator[aiohttp.ClientSession]:
    # Pages on an address, whose cookies aiohttp drops by default.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http
