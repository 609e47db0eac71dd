"""A workspace whose people go on talking while bots come, go and break."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.app import AppOverrides, open_bot
from bot.config import BotSettings, Settings
from bot.demo.demo import format_as_text
from bot.lifecycle import Bot
from rocketchat_simulator import Document, Event, MessageStored, Room, Simulator, User
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.stage import QUICK, make_settings

DEADLINE = 30
QUICKLY = AppOverrides(backoff=QUICK, request_timeout_s=5.0)


def tune(**seconds: float) -> AppOverrides:
    """Return overrides in which the realtime connection has these time limits."""
    return replace(QUICKLY, realtime=replace(QUICKLY.realtime, **seconds))


@dataclass
class Guest:
    """Somebody in the workspace itself: no outage of the network keeps them from talking."""

    simulator: Simulator
    user: User
    bot: User
    room: Room
    replies: dict[str, Document] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.simulator.workspace.subscribe(self._listen)

    def say(self, text: str, room: Room | None = None, **extra: Any) -> Document:  # noqa: ANN401 - fields of a message
        return self.simulator.workspace.say(self.user, room or self.room, text, **extra)

    def ask(self, *names: str) -> list[Document]:
        """Call commands that there are not, whose names are in the answers."""
        return [self.say(f"!{name}") for name in names]

    @property
    def texts(self) -> list[str]:
        """What the bot said here, in order."""
        return [format_as_text(reply) for reply in self.replies.values()]

    @property
    def answered(self) -> list[str]:
        """The names in the answers, in order."""
        found = [text.split("no command ") for text in self.texts]
        return [words[1].split(".")[0] for words in found if len(words) > 1]

    async def wait_until(self, is_enough: Callable[["Guest"], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not is_enough(self):
                self._changed.clear()
                await self._changed.wait()

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

    def _listen(self, event: Event) -> None:
        if not isinstance(event, MessageStored) or event.room.id != self.room.id:
            return
        if event.message["u"]["_id"] == self.bot.id:
            self.replies.setdefault(event.message["_id"], event.message)
            self._changed.set()


@dataclass
class Running:
    """A bot at work."""

    bot: Bot
    task: "asyncio.Task[None]"


@dataclass
class OutageStage:
    """The workspace and a database for bots to come."""

    simulator: Simulator
    people: DemoPeople
    folder: Path
    settings: Settings

    def invite(self, username: str) -> Guest:
        workspace = self.simulator.workspace
        user = workspace.find_user_by_name(username) or workspace.add_user(username)
        return Guest(
            self.simulator, user, self.people.bot, workspace.direct_room(user, self.people.bot)
        )

    def wait(self, seconds: float) -> None:
        """Let so much time go by on the workspace's clock."""
        self.simulator.skew += timedelta(seconds=seconds)

    @asynccontextmanager
    async def run_bot(
        self, surroundings: AppOverrides = QUICKLY, **changes: object
    ) -> AsyncIterator[Running]:
        """Run a bot while the block lasts; it is stopped in good order."""
        listening = asyncio.Event()
        surroundings = replace(surroundings, on_listening=listening.set)
        settings = self.settings.model_copy(update=changes)
        async with open_bot(settings, surroundings) as bot:
            task = asyncio.create_task(bot.run())
            try:
                async with asyncio.timeout(DEADLINE):
                    await listening.wait()
                yield Running(bot, task)
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def wait_for_call(self, route: str) -> None:
        """Wait until the workspace has been asked that; the answer may still be on its way."""
        async with asyncio.timeout(DEADLINE):
            while not self._is_asked(route):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    def _is_asked(self, route: str) -> bool:
        return any(each.path == f"/api/v1/{route}" for each in self.simulator.requests)

    async def cut_off(self, tries: int = 3) -> None:
        """Drop the connection, and refuse as many new ones."""
        self.simulator.faults.fail_next("/websocket", status=503, times=tries)
        await self.simulator.realtime.drop_all()


@asynccontextmanager
async def open_outage_stage(
    folder: Path,
    version: str = "8.3",
    catch_up_minutes: int = 60,
    *,
    is_streamer: bool = False,
    skew: timedelta = timedelta(),
) -> AsyncIterator[OutageStage]:
    async with Simulator(
        version=version, limit_calls=1000, is_streamer=is_streamer, skew=skew
    ) as simulator:
        people = seed(simulator.workspace)
        settings = make_settings(simulator.url, people, folder)
        own = BotSettings(catch_up_minutes=catch_up_minutes)
        settings = settings.model_copy(update={"bot": own})
        yield OutageStage(simulator, people, folder, settings)
