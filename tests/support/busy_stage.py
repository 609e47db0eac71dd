"""A workspace with a rate limit, and more people than it allows."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp

from bot.demo.demo import find_link, format_as_text
from rocketchat_simulator import Event, MessageStored, Room, Simulator, User, Visit
from tests.support.stage import Clock, open_stage

LIMIT = 10
# Hours; nobody reads the time as the workspace's own clock shows it.
OFFSETS = (-9.5, -3.0, 2.0, 5.75)
_LAX = 100_000
_HIDDEN = re.compile(r'name="(\w+)" value="([^"]*)"')


@dataclass
class Guest:
    """Somebody in the workspace itself, so that what they do uses up no rate limit."""

    simulator: Simulator
    user: User
    bot: User
    room: Room
    heard: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    notices: list[str] = field(default_factory=list)
    noticed_at: float = 0.0

    def __post_init__(self) -> None:
        self.simulator.workspace.subscribe(self._listen)

    @property
    def offset(self) -> timedelta:
        return timedelta(hours=self.user.utc_offset or 0)

    def say(self, text: str) -> None:
        self.simulator.workspace.say(self.user, self.room, text)

    async def hear(self, *words: str) -> str:
        """Wait for a message with any of these words; keep the others as notices."""
        while True:
            text = await self.heard.get()
            if any(each in text for each in words):
                return text
            self.notices.append(text)
            self.noticed_at = time.monotonic()

    async def fill_in(self, http: aiohttp.ClientSession, link: str) -> Visit:
        """Open a form and send it with a new token; return what the browser then shows."""
        async with http.get(link) as response:
            fields = dict(_HIDDEN.findall(await response.text()))
        token = self.simulator.workspace.make_personal_access_token(self.user, link[-9:])
        fields |= {"user_id": self.user.id, "token": token}
        async with http.post(link, data=fields) as response:
            return Visit(str(response.url), response.status, await response.text())

    async def ask_for_link(self) -> str:
        self.say("!connect")
        return find_link({"msg": await self.hear("/connect/")})

    async def connect(self) -> None:
        async with open_browser() as http:
            visit = await self.fill_in(http, await self.ask_for_link())
        assert visit.status == 200, visit.page
        await self.hear("You are connected")
        self.notices.clear()

    def _listen(self, event: Event) -> None:
        if not isinstance(event, MessageStored) or event.room is not self.room:
            return
        if event.message["u"]["_id"] == self.bot.id:
            self.heard.put_nowait(format_as_text(event.message))


@asynccontextmanager
async def open_browser() -> AsyncIterator[aiohttp.ClientSession]:
    cookies = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=cookies) as http:
        yield http


def invite(simulator: Simulator, bot: User, number: int) -> Guest:
    workspace = simulator.workspace
    offset = OFFSETS[number % len(OFFSETS)]
    user = workspace.add_user(f"guest{number}", utc_offset=offset)
    workspace.open_session(user, token=workspace.make_login_token(user))
    return Guest(simulator, user, bot, workspace.direct_room(user, bot))


@dataclass
class Party:
    """Connected people in a workspace that allows few calls from now on."""

    simulator: Simulator
    guests: list[Guest]
    clock: Clock = field(default_factory=Clock)

    def count_calls(self, route: str) -> int:
        return sum(each.path.endswith(route) for each in self.simulator.requests)

    def count_refusals(self) -> int:
        return sum(each.status == 429 for each in self.simulator.requests)

    def find_askers(self, route: str) -> Iterator[str]:
        """Return whose token asked, in order."""
        for each in self.simulator.requests:
            if each.path.endswith(route) and each.user_id:
                yield each.user_id


async def connect_all(guests: list[Guest]) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for guest in guests:
            tasks.create_task(guest.connect())


@asynccontextmanager
async def open_party(
    folder: Path, people: int, *, window: float, most_waiting: int = 200
) -> AsyncIterator[Party]:
    """Let so many people connect; from then on ``LIMIT`` calls are allowed in ``window`` s."""
    async with open_stage(folder, limit_calls=_LAX, most_waiting=most_waiting) as stage:
        guests = [invite(stage.simulator, stage.people.bot, each) for each in range(people)]
        await connect_all(guests)
        stage.simulator.requests.clear()
        stage.simulator.limits.change(LIMIT, window)
        yield Party(stage.simulator, guests, stage.clock)


@dataclass(frozen=True)
class Outcome:
    """What somebody heard last, and how long after they asked."""

    guest: Guest
    text: str
    asked_at: float
    heard_at: float

    @property
    def seconds(self) -> float:
        return self.heard_at - self.asked_at

    @property
    def is_answer(self) -> bool:
        return "signed in as you" in self.text


async def ask_at_once(guests: list[Guest], patience: float = 60) -> list[Outcome]:
    """Let all ask, one after the other; return them in the order in which that ended."""
    outcomes: list[Outcome] = []

    async def ask(guest: Guest) -> None:
        began = time.monotonic()
        guest.say("!sessions")
        text = await guest.hear("signed in as you", "Too many people")
        outcomes.append(Outcome(guest, text, began, time.monotonic()))

    async with asyncio.timeout(patience), asyncio.TaskGroup() as tasks:
        for guest in guests:
            tasks.create_task(ask(guest))
    return outcomes
