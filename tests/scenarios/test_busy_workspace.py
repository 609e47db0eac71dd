"""More people ask at once than the workspace's rate limit allows."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot.demo import find_link, format_as_text
from bot.simulator.events import Event, MessageStored
from bot.simulator.people import User
from bot.simulator.rooms import Room
from tests.scenarios.stage import Stage, open_stage

LIMIT = 10
WINDOW = 2.0
PEOPLE = 40
NEVER_TOLD = 3.0
SURELY_TOLD = 5.0
_HIDDEN = re.compile(r'name="(\w+)" value="([^"]*)"')


@dataclass
class Guest:
    """Somebody in the workspace itself, so that what they do uses up no rate limit."""

    stage: Stage
    user: User
    room: Room
    heard: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    notices: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.stage.simulator.workspace.say(self.user, self.room, text)

    async def hear(self, words: str) -> str:
        """Wait for a message with these words; keep the others as notices."""
        while words not in (text := await self.heard.get()):
            self.notices.append(text)
        return text

    async def connect(self, http: aiohttp.ClientSession) -> None:
        self.say("!connect")
        link = find_link({"msg": await self.hear("/connect/")})
        async with http.get(link) as response:
            fields = dict(_HIDDEN.findall(await response.text()))
        token = self.stage.simulator.workspace.make_personal_access_token(self.user, "bot")
        fields |= {"user_id": self.user.id, "token": token}
        async with http.post(link, data=fields) as response:
            assert response.status == 200
        await self.hear("connected")
        self.notices.clear()


def invite(stage: Stage, number: int) -> Guest:
    workspace = stage.simulator.workspace
    user = workspace.add_user(f"guest{number}")
    workspace.open_session(user, token=workspace.make_login_token(user))
    guest = Guest(stage, user, workspace.direct_room(user, stage.people.bot))

    def listen(event: Event) -> None:
        if not isinstance(event, MessageStored) or event.room is not guest.room:
            return
        if event.message["u"]["_id"] == stage.people.bot.id:
            guest.heard.put_nowait(format_as_text(event.message))

    workspace.subscribe(listen)
    return guest


@asynccontextmanager
async def open_party(folder: Path, people: int) -> AsyncIterator[list[Guest]]:
    """So many connected people in a workspace whose window is short."""
    async with open_stage(folder, limit_calls=LIMIT, limit_window=WINDOW) as stage:
        guests = [invite(stage, number) for number in range(people)]
        async with asyncio.TaskGroup() as tasks:
            for guest in guests:
                tasks.create_task(connect(guest))
        yield guests


async def connect(guest: Guest) -> None:
    cookies = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=cookies) as http:
        await guest.connect(http)


@dataclass(frozen=True)
class Answered:
    guest: Guest
    seconds: float


async def ask_at_once(guests: list[Guest]) -> list[Answered]:
    """Let all ask, one after the other; give them in the order in which they are answered."""
    answered: list[Answered] = []

    async def ask(guest: Guest) -> None:
        began = time.monotonic()
        guest.say("!sessions")
        await guest.hear("signed in as you")
        answered.append(Answered(guest, time.monotonic() - began))

    async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
        for guest in guests:
            tasks.create_task(ask(guest))
    return answered


async def test_forty_people_at_once_are_answered_in_turn_and_told_the_wait(tmp_path: Path) -> None:
    async with open_party(tmp_path, PEOPLE) as guests:
        answered = await ask_at_once(guests)
        requests = guests[0].stage.simulator.requests

    assert sum(request.path.endswith("sessions/list") for request in requests) == PEOPLE
    assert 429 not in {request.status for request in requests}
    for place, each in enumerate(answered):
        assert abs(place - guests.index(each.guest)) <= LIMIT
        assert len(each.guest.notices) == 1 or each.seconds < SURELY_TOLD
        assert not each.guest.notices or each.seconds > NEVER_TOLD
        assert all("it is your turn in about" in notice for notice in each.guest.notices)
    assert answered[-1].seconds > SURELY_TOLD
