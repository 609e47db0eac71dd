"""People who ask the bot things in the simulated workspace itself: no outage stops them."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from rocketchat_simulator import MessageStored, Room, User, Workspace
from rocketchat_simulator.demo.devices import CHROME_MAC, FIREFOX_WINDOWS, MOBILE_APP
from tests.stress.shared import pause, subscribe_to_messages
from tests.stress.torture.ledger import Command, Ledger, MessageKind

_MINUTE_S = 61.0
_MAX_A_MINUTE = 18  # the bot answers twenty messages a minute from one person
_ANSWER_TIMEOUT_S = 20.0
_DEVICES = (FIREFOX_WINDOWS, CHROME_MAC, MOBILE_APP)
_BACKDATED = timedelta(seconds=4)


@dataclass
class Member:
    """One of the crowd; ``token`` is what their sessions belong to, if they are connected."""

    user: User
    direct: Room
    token: str = ""
    said: deque[float] = field(default_factory=deque)


@dataclass(frozen=True)
class Place:
    """Where the crowd is."""

    workspace: Workspace
    bot: User
    channels: Sequence[Room]


class Crowd:
    """Talks until stopped. ``is_order_kept`` says whether the stream now keeps the order."""

    def __init__(
        self,
        place: Place,
        members: Sequence[Member],
        ledger: Ledger,
        random: Random,
        is_order_kept: Callable[[], bool] = lambda: True,
    ) -> None:
        self._place = place
        self._members = members
        self._ledger = ledger
        self._random = random
        self._is_order_kept = is_order_kept
        self._numbers = iter(range(1, 10**9))
        self._unanswered: dict[str, asyncio.Event] = {}
        self._progress = asyncio.Event()
        self._in_channels: dict[str, deque[float]] = {room.id: deque() for room in place.channels}
        self._unsubscribe = subscribe_to_messages(place.workspace, self._listen)
        self._heard_ids: set[str] = set()
        self._began_at = place.workspace.now()

    @property
    def unanswered(self) -> int:
        """How many commands have no answer yet."""
        return len(self._unanswered)

    def is_answered(self, message_id: str) -> bool:
        """Return whether the bot has answered a command."""
        return message_id not in self._unanswered

    async def talk(self, until: asyncio.Event, gap: float) -> None:
        """Let everybody ask, ``gap`` seconds apart on average, until the event."""
        self._began_at = self._place.workspace.now()
        async with asyncio.TaskGroup() as tasks:
            for member in self._members:
                own = Random(self._random.random())  # noqa: S311 - no secret
                tasks.create_task(self._talk(member, own, until, gap))

    async def wait_for_answers(self, timeout_s: float) -> None:
        """Wait until everything is answered, or nothing was for so many seconds."""
        with suppress(TimeoutError):
            while self._unanswered:
                self._progress.clear()
                async with asyncio.timeout(timeout_s):
                    await self._progress.wait()

    async def ask(self, member: Member, text: str, key: str) -> None:
        """Say one command in the direct message, and wait for its answer."""
        command = self._say(member, member.direct, text, key)
        if (answered := self._unanswered.get(command.id)) is not None:
            await answered.wait()

    def next_key(self) -> str:
        """Make a word that no other command has."""
        return f"q{next(self._numbers)}z"

    def close(self) -> None:
        """Stop listening."""
        self._unsubscribe()

    async def _talk(self, member: Member, random: Random, until: asyncio.Event, gap: float) -> None:
        await pause(until, random.uniform(0, gap))
        while not until.is_set():
            command = self._speak(member, random)
            answered = self._unanswered.get(command.id) if command else None
            if answered is not None and random.random() < 0.3:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                        await answered.wait()
            # One in five asks again at once.
            await pause(until, random.expovariate(1 / gap) if random.random() < 0.8 else 0.0)

    def _speak(self, member: Member, random: Random) -> Command | None:
        if not _may_speak(member.said):
            return None
        if random.random() < 0.12 and self._place.channels:
            return self._mention(member, random)
        text, key, is_keyless = self._choose(member, random)
        if random.random() < 0.03:
            now = self._place.workspace.now()
            self._say(member, member.direct, text, key, is_keyless=is_keyless, at=now)
            twin = self.next_key()
            return self._say(member, member.direct, f"!help {twin}", twin, at=now)
        at = self._place.workspace.now() - _BACKDATED
        # The bot ignores messages from before its first start.
        is_late = random.random() < 0.02 and at > self._began_at
        return self._say(
            member,
            member.direct,
            text,
            key,
            at=at if is_late else None,
            is_keyless=is_keyless,
            is_ordered=not is_late,
        )

    def _mention(self, member: Member, random: Random) -> Command | None:
        room = random.choice(self._place.channels)
        if not _may_speak(self._in_channels[room.id]):
            return None
        key = self.next_key()
        return self._say(member, room, f"@{self._place.bot.username} help {key}", key)

    def _choose(self, member: Member, random: Random) -> tuple[str, str, bool]:
        key, chance = self.next_key(), random.random()
        if not member.token or chance < 0.5:
            return f"!help {key}", key, False
        if chance < 0.6:
            return "!whoami", key, True
        session_id = self._make_session(member, random, key)
        if chance < 0.7:
            # Later answers repeat the name: it must not look like a key.
            return f"!name {session_id} number {key.strip('qz')}", key, True
        return f"!session {session_id}", key, False

    def _make_session(self, member: Member, random: Random, key: str) -> str:
        session_id = f"{key}AABFeBFJaJ6zEEJwF"
        self._place.workspace.open_session(
            member.user,
            session_id=session_id,
            token=member.token,
            device=random.choice(_DEVICES),
            ip="203.0.113.7",
            host="chat.example.org",
        )
        return session_id

    def _say(
        self,
        member: Member,
        room: Room,
        text: str,
        key: str,
        *,
        at: datetime | None = None,
        is_keyless: bool = False,
        is_ordered: bool = True,
    ) -> Command:
        at = at or self._place.workspace.now()
        message_id = f"{member.user.id[:4]}{key}Ask"
        command = Command(
            message_id,
            member.user.id,
            room.id,
            member.direct.id,
            at,
            key,
            is_keyless=is_keyless,
            is_ordered=is_ordered and self._is_order_kept(),
        )
        self._ledger.note(command)
        self._unanswered[message_id] = asyncio.Event()
        moment = asyncio.get_running_loop().time()
        member.said.append(moment)
        if room.id in self._in_channels:
            self._in_channels[room.id].append(moment)
        self._place.workspace.say(member.user, room, text, id=message_id, ts=at)
        return command

    def _listen(self, event: MessageStored) -> None:
        message: Any = event.message
        if message["u"]["_id"] != self._place.bot.id or message["_id"] in self._heard_ids:
            return
        self._heard_ids.add(message["_id"])
        found = self._ledger.attribute(message)
        if found.command is None or found.kind is MessageKind.BESIDE:
            return
        if (waiting := self._unanswered.pop(found.command.id, None)) is not None:
            waiting.set()
            self._progress.set()


def _may_speak(said: deque[float]) -> bool:
    now = asyncio.get_running_loop().time()
    while said and now - said[0] > _MINUTE_S:
        said.popleft()
    return len(said) < _MAX_A_MINUTE
