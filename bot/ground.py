"""What all of the bot's parts stand on: database, vault, client, the bot's own account."""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import structlog

from bot.backoff import make_pauses
from bot.config import Settings
from bot.delegation import Delegation, Grounds, make_memory, open_delegation, open_vault
from bot.errors import RateLimitedError, UnreachableError
from bot.features.accounts.linking import BROWSER_TIMEOUT_S
from bot.features.personal_data import Stores
from bot.features.reports.pictures import Pictures
from bot.features.status_report.counters import CounterStore, CounterTable
from bot.features.status_report.status_report import make_status_report_settings
from bot.metrics import Metrics
from bot.models import AuthToken, Sender
from bot.rocketchat.client import RestClient, open_rest_client
from bot.rocketchat.realtime import Backoff
from bot.scheduler.builder import ClockParts, Sleep
from bot.storage.database import Database, open_database
from bot.storage.vault import Vault
from bot.web.server import open_socket


def read_clock() -> datetime:
    """Give the present time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class AppOverrides:
    """What a test or the demo may want to be different from real life.

    ``patience`` is for one REST request, ``browser_patience`` for what a page asks of the
    workspace, in seconds; ``sleep`` is how the scheduler waits; ``seconds`` a monotonic clock.
    """

    now: Callable[[], datetime] = read_clock
    timing: Backoff = field(default_factory=Backoff)
    patience: float = 15.0
    on_listening: Callable[[], None] = lambda: None
    sleep: Sleep = asyncio.sleep
    browser_patience: float = BROWSER_TIMEOUT_S
    seconds: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Ground:
    """What all other parts stand on."""

    settings: Settings
    surroundings: AppOverrides
    database: Database
    vault: Vault
    memory: Stores
    rest: RestClient
    token: AuthToken
    account: Sender
    metrics: Metrics
    books: CounterStore
    pictures: Pictures | None

    async def render_metrics(self) -> bytes:
        """Write down what this process has counted."""
        return self.metrics.render()


@dataclass(frozen=True, slots=True)
class Premises:
    """The ground, the socket that browsers and health checks reach, and what lends tokens."""

    ground: Ground
    listening: socket.socket
    public_url: str
    delegation: Delegation
    clock_parts: ClockParts


async def open_premises(
    stack: AsyncExitStack, settings: Settings, surroundings: AppOverrides
) -> Premises:
    """Open what every process of the bot needs, to be closed with the stack.

    Waits for the workspace for as long as it takes. Raises ConfigError, StorageError, and
    TokenRejectedError where the bot's own token is refused.
    """
    ground = await _open_ground(stack, settings, surroundings)
    listening = open_socket(settings.web.host, settings.web.port)
    stack.callback(listening.close)
    public_url = _fill_port(settings.web.public_url, listening.getsockname()[1])
    delegation = await _open_delegation(stack, ground, public_url)
    parts = _make_clock_parts(ground, delegation)
    return Premises(ground, listening, public_url, delegation, parts)


async def _open_ground(
    stack: AsyncExitStack, settings: Settings, surroundings: AppOverrides
) -> Ground:
    metrics = Metrics(version("session-bot"))
    opening_database = open_database(settings.storage.url, metrics.note_transaction)
    database = await stack.enter_async_context(opening_database)
    now, sleep = surroundings.now, surroundings.sleep
    books = CounterStore(metrics, CounterTable(database), now, sleep)
    stack.push_async_callback(books.enter_if_possible)
    vault = await open_vault(database, settings)
    memory = make_memory(database, vault)
    token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
    opening = open_rest_client(
        settings.workspace.url,
        token,
        timeout=surroundings.patience,
        most_waiting=settings.bot.most_waiting,
        note=metrics.note_call,
        is_anybody_waiting=metrics.waits.is_any,
    )
    rest = await stack.enter_async_context(opening)
    account = await _introduce(rest, token, surroundings.timing)
    pictures = Pictures(surroundings.seconds) if settings.reports.picture else None
    return Ground(
        settings,
        surroundings,
        database,
        vault,
        memory,
        rest,
        token,
        account,
        metrics,
        books,
        pictures,
    )


async def _introduce(rest: RestClient, token: AuthToken, timing: Backoff) -> Sender:
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


async def _open_delegation(stack: AsyncExitStack, ground: Ground, public_url: str) -> Delegation:
    grounds = Grounds(
        settings=ground.settings,
        database=ground.database,
        vault=ground.vault,
        memory=ground.memory,
        rest=ground.rest,
        now=ground.surroundings.now,
        sleep=ground.surroundings.sleep,
        browser_patience=ground.surroundings.browser_patience,
    )
    return await stack.enter_async_context(open_delegation(grounds, public_url))


def _fill_port(public_url: str, port: int) -> str:
    """Replace port 0 in the address by the port that was free."""
    parts = urlsplit(public_url)
    if parts.port != 0:
        return public_url
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def _make_clock_parts(ground: Ground, delegation: Delegation) -> ClockParts:
    report = ground.settings.report
    return ClockParts(
        database=ground.database,
        memory=ground.memory,
        rest=ground.rest,
        tokens=delegation.tokens,
        connections=delegation.connections,
        account=ground.account,
        prefix=ground.settings.bot.prefix,
        now=ground.surroundings.now,
        metrics=ground.metrics,
        books=ground.books,
        wish=make_status_report_settings(report.room, report.schedule, report.timezone),
        pictures=ground.pictures,
    )
