"""Builds every part once, runs them together, closes them in reverse."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog

from bot import commands
from bot.command import Services, load_commands
from bot.config import Settings
from bot.delegation import Delegation, Grounds, make_memory, open_delegation, open_vault
from bot.delivery import Delivery
from bot.dispatcher.answers import AnswerParts
from bot.dispatcher.builder import ReceptionGrounds, make_reception
from bot.errors import RateLimitedError, UnreachableError
from bot.lifetime import Bot
from bot.models import AuthToken, Message, Sender
from bot.parsing import Listener
from bot.rocketchat.realtime import Realtime, Timing
from bot.rocketchat.realtime.timing import make_pauses
from bot.rocketchat.rest import Rest, open_rest
from bot.scheduler.builder import (
    ClockParts,
    Sleep,
    make_alerts,
    make_plans,
    make_reports,
    make_scheduler,
)
from bot.services.consent import Consent
from bot.services.manners import Manners
from bot.services.people import Memory, People
from bot.services.rooms import Rooms
from bot.services.sessions import Sessions
from bot.storage.database import Database, open_database
from bot.storage.vault import Vault
from bot.web.browsers import Browsers
from bot.web.connect import ConnectionPages
from bot.web.form import FormPage
from bot.web.pages import Pages
from bot.web.server import make_web_app, open_socket, open_web_server


def read_clock() -> datetime:
    """Give the present time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a test or the demo may want to be different from real life.

    ``patience`` is for one REST request, in seconds; ``sleep`` is how the scheduler waits.
    """

    now: Callable[[], datetime] = read_clock
    timing: Timing = field(default_factory=Timing)
    patience: float = 15.0
    on_listening: Callable[[], None] = lambda: None
    sleep: Sleep = asyncio.sleep


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all other parts stand on."""

    settings: Settings
    surroundings: Surroundings
    database: Database
    vault: Vault
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
        stack.callback(listening.close)
        public_url = _fill_port(settings.web.public_url, listening.getsockname()[1])
        delegation = await _open_delegation(stack, ground, public_url)
        bot = _make_bot(ground, delegation, public_url)
        pages = _make_pages(ground)
        connect = _make_connection_pages(delegation, pages, public_url)
        web_app = make_web_app(connect, pages, lambda: bot.is_ready, lambda: bot.is_alive)
        await stack.enter_async_context(open_web_server(web_app, listening))
        yield bot


async def _open_ground(
    stack: AsyncExitStack, settings: Settings, surroundings: Surroundings
) -> _Ground:
    database = await stack.enter_async_context(open_database(settings.storage.url))
    vault = await open_vault(database, settings)
    memory = make_memory(database, vault)
    token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
    opening = open_rest(settings.workspace.url, token, timeout=surroundings.patience)
    rest = await stack.enter_async_context(opening)
    account = await _introduce(rest, token, surroundings.timing)
    return _Ground(settings, surroundings, database, vault, memory, rest, token, account)


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


async def _open_delegation(stack: AsyncExitStack, ground: _Ground, public_url: str) -> Delegation:
    grounds = Grounds(
        settings=ground.settings,
        database=ground.database,
        vault=ground.vault,
        memory=ground.memory,
        rest=ground.rest,
        now=ground.surroundings.now,
        sleep=ground.surroundings.sleep,
    )
    return await stack.enter_async_context(open_delegation(grounds, public_url))


def _fill_port(public_url: str, port: int) -> str:
    """Replace port 0 in the address by the port that was free."""
    parts = urlsplit(public_url)
    if parts.port != 0:
        return public_url
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def _make_bot(ground: _Ground, delegation: Delegation, public_url: str) -> Bot:
    def hear(message: Message) -> None:
        reception.intake.hear(message)

    async def catch_up() -> None:
        await reception.intake.catch_up()
        ground.surroundings.on_listening()

    realtime = Realtime(
        ground.settings.workspace.url,
        ground.token,
        hear=hear,
        before_live=catch_up,
        timing=ground.surroundings.timing,
    )
    reception = make_reception(_make_reception_grounds(ground, delegation, realtime))
    scheduler = make_scheduler(_make_clock_parts(ground, delegation), ground.surroundings.sleep)
    return Bot(reception, realtime, delegation.upkeep, scheduler, public_url)


def _make_reception_grounds(
    ground: _Ground, delegation: Delegation, realtime: Realtime
) -> ReceptionGrounds:
    rooms, now = Rooms(ground.rest), ground.surroundings.now
    delivery = Delivery(ground.rest, rooms, ground.account, now)
    return ReceptionGrounds(
        listener=Listener(ground.account, ground.settings.bot.prefix),
        token=ground.token,
        rest=ground.rest,
        database=ground.database,
        delivery=delivery,
        answer_parts=_make_answer_parts(ground, delegation, realtime, delivery, rooms),
        window=timedelta(minutes=ground.settings.bot.catch_up_minutes),
        timing=ground.surroundings.timing,
        is_live=lambda: realtime.is_live,
        now=now,
    )


def _make_answer_parts(
    ground: _Ground, delegation: Delegation, realtime: Realtime, delivery: Delivery, rooms: Rooms
) -> AnswerParts:
    async def show_typing(room_id: str, thread_id: str | None, is_typing: bool) -> None:  # noqa: FBT001 - a state
        # The server takes the user name, or the name where UI_Use_Real_Name is on, and silently
        # drops the other (notifications.module.ts, 8.3); nobody tells which it is.
        for name in {ground.account.username, ground.account.name} - {""}:
            await realtime.send_typing(room_id, name, thread_id=thread_id, is_typing=is_typing)

    return AnswerParts(
        commands=load_commands(commands),
        services=_make_services(ground, delegation),
        rooms=rooms,
        manners=Manners(ground.surroundings.now),
        delivery=delivery,
        show_typing=show_typing,
        expected_wait=ground.rest.expected_wait,
    )


def _make_clock_parts(ground: _Ground, delegation: Delegation) -> ClockParts:
    return ClockParts(
        database=ground.database,
        memory=ground.memory,
        rest=ground.rest,
        tokens=delegation.tokens,
        connections=delegation.connections,
        account=ground.account,
        prefix=ground.settings.bot.prefix,
        now=ground.surroundings.now,
    )


def _make_services(ground: _Ground, delegation: Delegation) -> Services:
    memory, now = ground.memory, ground.surroundings.now
    clock = _make_clock_parts(ground, delegation)
    return Services(
        sessions=Sessions(ground.rest, delegation.tokens, memory.names, memory.listings, now),
        connections=delegation.connections,
        people=People(memory),
        consent=Consent(memory.confirmations, now),
        plans=make_plans(clock),
        reports=make_reports(clock, ground.rest),
        alerts=make_alerts(clock, ground.rest),
    )


def _make_pages(ground: _Ground) -> Pages:
    return Pages(
        bot_name=ground.account.name or ground.account.username,
        workspace_url=ground.settings.workspace.url,
        prefix=ground.settings.bot.prefix,
    )


def _make_connection_pages(
    delegation: Delegation, pages: Pages, public_url: str
) -> ConnectionPages:
    browsers = Browsers(is_https=urlsplit(public_url).scheme == "https")
    page = FormPage(delegation.connections, pages, browsers)
    return ConnectionPages(delegation.connections, page, browsers)
