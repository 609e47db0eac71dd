"""A workspace with the bot in it, and people who talk to it: real sockets, nothing replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from bot.app import AppOverrides, open_bot
from bot.backoff import Backoff
from bot.config import (
    BotSettings,
    OAuthSettings,
    PeopleReportSettings,
    Settings,
    StorageSettings,
    WebSettings,
    WorkspaceSettings,
)
from bot.demo.demo import find_link, format_as_text
from bot.features.accounts.linking import BROWSER_TIMEOUT_S
from bot.lifecycle import Bot
from rocketchat_simulator import OAuthApp, Person, Room, Simulator, open_person
from rocketchat_simulator.demo.seed import DemoPeople, seed
from rocketchat_simulator.person import Json

VERSIONS = ("6.5", "7.7", "8.3", "8.8")
QUICK = Backoff(first_pause_s=0.05, max_pause_s=0.2)


class Clock:
    """The bot's clock, which a test may move; who sleeps by it notices."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._moved = asyncio.Event()

    @property
    def offset(self) -> float:
        """Seconds before real time."""
        return self._offset

    @offset.setter
    def offset(self, seconds: float) -> None:
        self._offset = seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.offset, UTC)

    def move_to(self, moment: datetime) -> None:
        self.offset += (moment - self.now()).total_seconds()

    async def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()


@dataclass
class Conversation:
    """One person and the bot in their direct message."""

    person: Person
    room_id: str

    async def say(self, text: str, **extra: object) -> Json:
        return await self.person.say(self.room_id, text, **extra)

    async def hear(self, seconds: float = 10.0) -> str:
        return format_as_text(await self.person.hear(self.room_id, seconds=seconds))

    async def ask(self, text: str) -> str:
        """Say it, and return the answer as text."""
        await self.say(text)
        return await self.hear()

    async def ask_for_link(self, text: str = "!connect") -> str:
        await self.say(text)
        return find_link(await self.person.hear(self.room_id))

    async def connect(self) -> str:
        """Connect as a person does: link, token, page; return what the bot then says."""
        link = await self.ask_for_link()
        token = await self.person.make_personal_access_token(f"bot {link[-6:]}")
        status, page = await self.person.fill_in(link, user_id=self.person.user_id, token=token)
        assert status == 200, page
        return await self.hear()

    async def expect_silence(self) -> None:
        """Prove that nothing came: ask for help, and see that its answer is the next thing."""
        answer = await self.ask("!help session")
        assert answer.startswith("Show one of your sessions"), answer


@dataclass
class Stage:
    """The workspace, its people, and ways to bring them on."""

    simulator: Simulator
    people: DemoPeople
    clock: Clock
    folder: Path
    bot: Bot
    _stack: AsyncExitStack
    _conversations: dict[str, Conversation] = field(default_factory=dict)

    async def meet(self, username: str) -> Conversation:
        """Let somebody open their direct message with the bot."""
        if username not in self._conversations:
            user = self.simulator.workspace.find_user_by_name(username)
            assert user is not None
            person = await self._stack.enter_async_context(
                open_person(self.simulator.url, username, user.password)
            )
            room_id = await person.open_direct_room(self.people.bot.username)
            self._conversations[username] = Conversation(person, room_id)
        return self._conversations[username]

    def room(self, conversation: Conversation) -> Room:
        """Return the direct message as the workspace knows it."""
        room = self.simulator.workspace.find_room(conversation.room_id)
        assert room is not None
        return room

    async def meet_connected(self, username: str) -> Conversation:
        """The same, for somebody who has connected."""
        conversation = await self.meet(username)
        await conversation.connect()
        return conversation


@asynccontextmanager
async def open_stage(
    folder: Path,
    version: str = "8.3",
    *,
    is_licensed: bool = True,
    arrange: Callable[[Simulator], None] = lambda _: None,
    limit_calls: int = 1000,
    limit_window: float = 60.0,
    patience: float = 15.0,
    prefix: str = "!",
    has_oauth: bool = False,
    has_pictures: bool = False,
    most_waiting: int = 200,
    browser_patience: float = BROWSER_TIMEOUT_S,
) -> AsyncIterator[Stage]:
    """Open a workspace of that version with the demo's people, and the bot listening in it."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            Simulator(
                version=version,
                is_licensed=is_licensed,
                limit_calls=limit_calls,
                limit_window=limit_window,
                now=clock.now if has_oauth else None,
            )
        )
        people = seed(simulator.workspace)
        arrange(simulator)
        listening = asyncio.Event()
        surroundings = AppOverrides(
            clock.now, QUICK, patience, listening.set, clock.sleep, browser_patience
        )
        settings = make_settings(simulator.url, people, folder, prefix, most_waiting)
        app = simulator.workspace.oauth.make_app("Session bot", "http://127.0.0.1/oauth/callback")
        if has_pictures:
            settings = settings.model_copy(update={"reports": PeopleReportSettings()})
        if has_oauth:
            settings = settings.model_copy(update={"oauth": make_oauth_settings(app)})
        bot = await stack.enter_async_context(open_bot(settings, surroundings))
        # Only now is it known on which port people come back.
        app.redirect_uri = f"{bot.public_url}/oauth/callback"
        running = asyncio.create_task(bot.run())
        stack.push_async_callback(stop, running)
        async with asyncio.timeout(10):
            await listening.wait()
        yield Stage(simulator, people, clock, folder, bot, stack)


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def make_oauth_settings(app: OAuthApp) -> OAuthSettings:
    return OAuthSettings(client_id=app.client_id, client_secret=SecretStr(app.client_secret))


def make_settings(
    url: str, people: DemoPeople, folder: Path, prefix: str = "!", most_waiting: int = 200
) -> Settings:
    return Settings(
        workspace=WorkspaceSettings(
            url=url, user_id=people.bot.id, auth_token=SecretStr(people.bot_token)
        ),
        bot=BotSettings(prefix=prefix, most_waiting=most_waiting),
        web=WebSettings(public_url="http://127.0.0.1:0", port=0),
        storage=StorageSettings(url=f"sqlite:///{folder / 'bot.db'}"),
        # Without a word more than the tests wait for.
        reports=PeopleReportSettings(picture=False),
    )
