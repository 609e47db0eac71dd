"""Builds every part once, runs them together, closes them in reverse."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from bot import commands
from bot.command import Services, load_commands
from bot.config import Settings
from bot.delivery import Delivery
from bot.dispatcher import Dispatcher, Parts
from bot.errors import RateLimitedError, UnreachableError
from bot.models import AuthToken, Message, Sender
from bot.parsing import Listener
from bot.rocketchat.realtime import Realtime, Timing
from bot.rocketchat.realtime.timing import make_pauses
from bot.rocketchat.rest import Rest, open_rest
from bot.services.connections import Connections
from bot.services.consent import Consent
from bot.services.manners import Manners
from bot.services.people import Memory, People
from bot.services.rooms import Rooms
from bot.services.sessions import Sessions
from bot.services.tokens import Tokens
from bot.storage.accounts import Accounts, count_accounts
from bot.storage.confirmations import Confirmations
from bot.storage.connection_requests import ConnectionRequests
from bot.storage.database import Database, open_database
from bot.storage.device_names import DeviceNames
from bot.storage.engine import find_database_file
from bot.storage.inbox import Inbox
from bot.storage.keys import load_key_ring
from bot.storage.listings import Listings
from bot.storage.vault import Vault
from bot.web.connect import ConnectionPages
from bot.web.pages import Pages
from bot.web.server import make_web_app, open_socket, open_web_server


def read_clock() -> datetime:
    """Give the present time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a test or the demo may want to be different from real life.

    ``patience`` is for one REST request, in seconds.
    """

    now: Callable[[], datetime] = read_clock
    timing: Timing = field(default_factory=Timing)
    patience: float = 15.0
    on_listening: Callable[[], None] = lambda: None


class Bot:
    """The bot with all its parts; ``run`` sets them to work."""

    def __init__(self, dispatcher: Dispatcher, realtime: Realtime) -> None:
        self._dispatcher: Final = dispatcher
        self._realtime: Final = realtime

    async def run(self) -> None:
        """Work until cancelled; raise TokenRejectedError where the workspace refuses the bot."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dispatcher.run())
            tasks.create_task(self._realtime.run())


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all other parts stand on."""

    settings: Settings
    surroundings: Surroundings
    database: Database
    memory: Memory
    rest: Rest
    token: AuthToken
    account: Sender


@asynccontextmanager
async def open_bot(
    settings: Settings, surroundings: Surroundings | None = None
) -> AsyncIterator[Bot]:
    """Build the bot and serve its pages.

    Waits for the workspace for as long as it takes. Raises ConfigError, StorageError, and
    TokenRejectedError where the bot's own token is refused.
    """
    async with AsyncExitStack() as stack:
        ground = await _open_ground(stack, settings, surroundings or Surroundings())
        listening = open_socket(settings.web.host, settings.web.port)
        connections = _make_connections(ground, listening.getsockname()[1])
        bot, realtime = _make_bot(ground, connections)
        pages = _make_pages(ground)
        is_https = urlsplit(settings.web.public_url).scheme == "https"
        connect = ConnectionPages(connections, pages, is_https=is_https)
        web_app = make_web_app(connect, pages, lambda: realtime.is_live)
        await stack.enter_async_context(open_web_server(web_app, listening))
        yield bot


async def _open_ground(
    stack: AsyncExitStack, settings: Settings, surroundings: Surroundings
) -> _Ground:
    database = await stack.enter_async_context(open_database(settings.storage.url))
    memory = await _open_memory(database, settings)
    token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
    opening = open_rest(settings.workspace.url, token, timeout=surroundings.patience)
    rest = await stack.enter_async_context(opening)
    account = await _introduce(rest, token, surroundings.timing)
    return _Ground(settings, surroundings, database, memory, rest, token, account)


async def _open_memory(database: Database, settings: Settings) -> Memory:
    is_new = await count_accounts(database) == 0
    key_file = settings.vault.key_file or _place_key_file(settings.storage.url)
    ring = load_key_ring(settings.vault.keys, key_file, is_creation_allowed=is_new)
    # Without the scheme, so that moving a workspace to https does not lock everybody out.
    parts = urlsplit(settings.workspace.url)
    return Memory(
        accounts=Accounts(database, Vault(ring, parts.netloc + parts.path)),
        requests=ConnectionRequests(database),
        names=DeviceNames(database),
        listings=Listings(database),
        confirmations=Confirmations(database),
    )


def _place_key_file(storage_url: str) -> Path | None:
    file = find_database_file(storage_url)
    return file.with_suffix(".key") if file else None


async def _introduce(rest: Rest, token: AuthToken, timing: Timing) -> Sender:
    """Ask the workspace who the bot is, until it answers."""
    log = structlog.get_logger("app")
    pauses = make_pauses(timing, secrets.SystemRandom().random)
    while True:
        try:
            user = await rest.fetch_user(token)
        except (UnreachableError, RateLimitedError) as error:
            pause = next(pauses)
            log.warning("the workspace does not answer", problem=str(error), pause=round(pause, 1))
            await asyncio.sleep(pause)
        else:
            return Sender(user.id, user.username, user.name)


def _make_connections(ground: _Ground, port: int) -> Connections:
    return Connections(
        ground.memory.accounts,
        ground.memory.requests,
        ground.rest,
        public_url=_fill_port(ground.settings.web.public_url, port),
        now=ground.surroundings.now,
    )


def _fill_port(public_url: str, port: int) -> str:
    """Replace port 0 in the address by the port that was free."""
    parts = urlsplit(public_url)
    if parts.port != 0:
        return public_url
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def _make_bot(ground: _Ground, connections: Connections) -> tuple[Bot, Realtime]:
    def hear(message: Message) -> None:
        dispatcher.hear(message)

    async def begin() -> None:
        ground.surroundings.on_listening()

    realtime = Realtime(
        ground.settings.workspace.url,
        ground.token,
        hear=hear,
        before_live=begin,
        timing=ground.surroundings.timing,
    )
    listener = Listener(ground.account, ground.settings.bot.prefix)
    parts = _make_parts(ground, connections, realtime)
    dispatcher = Dispatcher(listener, parts, ground.surroundings.now)
    return Bot(dispatcher, realtime), realtime


def _make_parts(ground: _Ground, connections: Connections, realtime: Realtime) -> Parts:
    async def show_typing(room_id: str, thread_id: str | None, is_typing: bool) -> None:  # noqa: FBT001 - a state
        name = ground.account.username
        await realtime.send_typing(room_id, name, thread_id=thread_id, is_typing=is_typing)

    rooms = Rooms(ground.rest)
    now = ground.surroundings.now
    return Parts(
        commands=load_commands(commands),
        services=_make_services(ground, connections),
        rooms=rooms,
        manners=Manners(now),
        delivery=Delivery(ground.rest, rooms, ground.account, now),
        inbox=Inbox(ground.database),
        show_typing=show_typing,
    )


def _make_services(ground: _Ground, connections: Connections) -> Services:
    memory, now = ground.memory, ground.surroundings.now
    tokens = Tokens(memory.accounts, ground.rest)
    return Services(
        sessions=Sessions(ground.rest, tokens, memory.names, memory.listings, now),
        connections=connections,
        people=People(memory),
        consent=Consent(memory.confirmations, now),
    )


def _make_pages(ground: _Ground) -> Pages:
    return Pages(
        bot_name=ground.account.name or ground.account.username,
        workspace_url=ground.settings.workspace.url,
        prefix=ground.settings.bot.prefix,
    )
