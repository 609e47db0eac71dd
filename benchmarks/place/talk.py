"""People who talk to the bot, inside the workspace itself."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from time import monotonic

from benchmarks.place.ledger import Command, Ledger
from benchmarks.place.plan import WAKERS, Account
from rocketchat_simulator import Event, MessageStored, Room, User, Workspace
from rocketchat_simulator.demo.devices import CHROME_WINDOWS

_BATCH = 20
_BACKGROUND = "Somebody says something to somebody else, and the bot has nothing to do with it."


class Talk:
    """Says commands and waits for answers.

    ``text`` of a command may hold ``{key}``, its message id, and ``{session}``, an id of a session
    of the person who says it: of each of them in turn.
    """

    def __init__(self, workspace: Workspace, bot: User, people: Sequence[Account]) -> None:
        self._workspace = workspace
        self._bot = bot
        self._people = people
        self._speakers = cycle(people[WAKERS:] or people)
        self._wakers = cycle(people[:WAKERS])
        self._sessions = {each.user_id: cycle(each.session_ids) for each in people}
        self._ledger = Ledger(bot.id)
        self._waiting: dict[str, asyncio.Event] = {}
        self._numbers = iter(range(10**9))
        self._stranger = workspace.add_user("stranger")
        self._channel: Room | None = None
        self._watchers: set[Callable[[], None]] = set()
        self._signed_in = 0
        self._heard_in: defaultdict[str, list[float]] = defaultdict(list)
        self.answers: list[float] = []
        workspace.subscribe(self._listen)

    async def wake(self, text: str, seconds: float, gap: float = 0.1) -> list[Command]:
        """Say a command every ``gap`` seconds until one of them is answered."""
        said: list[Command] = []
        deadline = monotonic() + seconds
        while monotonic() < deadline and not any(each.replies for each in said):
            said.append(self.say(text, next(self._wakers)))
            with suppress(TimeoutError):
                async with asyncio.timeout(gap):
                    await self._waiting[said[-1].id].wait()
        return said

    async def serial(self, text: str, count: int, seconds: float) -> list[Command]:
        """Say one command after the other was answered, or ``seconds`` have passed."""
        said = []
        for _ in range(count):
            said.append(self.say(text))
            await self.wait_for(said[-1:], seconds)
        return said

    async def paced(self, text: str, count: int, gap: float, seconds: float) -> list[Command]:
        """Say a command every ``gap`` seconds."""
        start, said = monotonic(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number * gap - monotonic()))
            said.append(self.say(text))
        await self.wait_for(said, seconds)
        return said

    async def burst(self, text: str, count: int, seconds: float) -> list[Command]:
        """Say all of it at once."""
        said = []
        for number in range(count):
            said.append(self.say(text))
            if number % _BATCH == 0:
                await asyncio.sleep(0)
        await self.wait_for(said, seconds)
        return said

    async def babble(self, text: str, count: int, frames: int, seconds: float) -> list[Command]:
        """Say ``frames`` things in a public channel that the bot is not in, commands between.

        The last is a command: once it is answered, everything before it has been read.
        """
        step, said = max(1, frames // max(1, count)), []
        for number in range(frames):
            self._chat()
            if number % step == step - 1:
                said.append(self.say(text))
            if number % _BATCH == 0:
                await asyncio.sleep(0)
        await self.wait_for(said, seconds)
        return said

    def say(self, text: str, speaker: Account | None = None) -> Command:
        """Say one command in a person's direct message."""
        speaker = speaker or next(self._speakers)
        command = Command(
            f"c{next(self._numbers):09}{secrets.token_hex(4)[:7]}", speaker.room_id, 0
        )
        self._ledger.note_command(command)
        self._waiting[command.id] = asyncio.Event()
        user = self._workspace.find_user(speaker.user_id)
        room = self._workspace.find_room(speaker.room_id)
        if user is None or room is None:
            raise LookupError(speaker.username)
        session = next(self._sessions[speaker.user_id]) if "{session}" in text else ""
        filled = text.format(key=command.id, session=session)
        self._workspace.say(user, room, filled, id=command.id)
        command.said_at = monotonic()
        return command

    def find(self, ids: Sequence[str]) -> list[Command]:
        """Find commands that were said."""
        return self._ledger.find(ids)

    def say_again(self, command: Command, **changes: object) -> None:
        """Publish a command's message again, with changed fields."""
        message = self._workspace.messages.find(command.id)
        if message is not None:
            self._workspace.publish_again(message, **changes)

    async def wait_for(self, said: Sequence[Command], seconds: float) -> None:
        """Wait until all are answered, for no longer than ``seconds`` without any answer."""
        for command in said:
            while not command.replies:
                before = len(self.answers)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._waiting[command.id].wait()
                if before == len(self.answers):
                    return

    async def hear(self, count: int, seconds: float) -> list[float]:
        """Wait until the bot has said so much in all, whatever it is; give when."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._watching() as said:
                while len(self.answers) < count:
                    said.clear()
                    await said.wait()
        return self.answers

    async def sign_in(self, count: int, within: float) -> list[tuple[str, float]]:
        """Let the last ``count`` people sign in from a network of their own, evenly spread.

        Return their rooms with the moments. They are online from then on.
        """
        self._signed_in += 1
        start, done = monotonic(), []
        for number, person in enumerate(self._people[-count:]):
            await asyncio.sleep(max(0.0, start + number * within / count - monotonic()))
            user = self._workspace.find_user(person.user_id)
            if user is None:
                raise LookupError(person.username)
            self._workspace.open_session(
                user,
                token=self._workspace.make_login_token(user),
                device=CHROME_WINDOWS,
                ip=f"198.18.{self._signed_in}.7",
            )
            self._workspace.people.count_connections(user, +1)
            done.append((person.room_id, monotonic()))
        return done

    async def hear_in(
        self, since: Sequence[tuple[str, float]], seconds: float
    ) -> list[float | None]:
        """Wait until the bot has spoken in each room since its moment; return when, None if not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._watching() as said:
                while None in self._find_heard(since):
                    said.clear()
                    await said.wait()
        return self._find_heard(since)

    async def rest(self, seconds: float) -> None:
        """Wait until the bot has said nothing for so long."""
        async with self._watching() as said:
            while True:
                said.clear()
                try:
                    async with asyncio.timeout(seconds):
                        await said.wait()
                except TimeoutError:
                    return

    @property
    def strays(self) -> int:
        """How many answers belong to no command."""
        return self._ledger.strays

    def _find_heard(self, since: Sequence[tuple[str, float]]) -> list[float | None]:
        return [
            next((each for each in self._heard_in[room_id] if each >= at), None)
            for room_id, at in since
        ]

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[asyncio.Event]:
        said = asyncio.Event()
        self._watchers.add(said.set)
        try:
            yield said
        finally:
            self._watchers.discard(said.set)

    def _chat(self) -> None:
        if self._channel is None:
            self._channel = self._workspace.make_channel("elsewhere", [self._stranger])
        self._workspace.say(self._stranger, self._channel, _BACKGROUND)

    def _listen(self, event: Event) -> None:
        if not isinstance(event, MessageStored) or event.message["u"]["_id"] != self._bot.id:
            return
        if self._ledger.has_seen(event.message["_id"]):
            return
        self.answers.append(monotonic())
        self._heard_in[event.message["rid"]].append(self.answers[-1])
        command = self._ledger.note_answer(event.message, self.answers[-1])
        if command is not None:
            self._waiting[command.id].set()
        for tell in tuple(self._watchers):
            tell()
