"""Builds every part once, runs them together, closes them in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from bot import commands
from bot.clockwork import Clockwork, open_clockwork
from bot.commands.registry import Services, load_commands
from bot.config import Settings
from bot.delivery.direct_rooms import DirectRooms
from bot.delivery.reply_sender import ReplySender
from bot.delivery.reply_throttle import ReplyThrottle
from bot.dispatcher.builder import ReceptionGrounds, make_gauges, make_reception
from bot.dispatcher.responder import ResponderParts
from bot.features.confirmations import Confirmations
from bot.features.personal_data import PersonalData
from bot.features.sessions.sessions import Sessions
from bot.gauges import Gauges
from bot.ground import AppOverrides, Ground, Premises, open_premises
from bot.lifetime import Bot
from bot.models import Message
from bot.parsing import Listener
from bot.rocketchat.realtime import RealtimeClient
from bot.scheduler.builder import (
    make_alerts,
    make_operator_tasks,
    make_reports,
    make_schedules,
)
from bot.web.browser_cookies import BrowserCookies
from bot.web.linking_pages import ConnectionPages, LinkingForm
from bot.web.server import add_metrics, make_web_app, open_web_server
from bot.web.templating import Pages

__all__ = ["AppOverrides", "open_bot"]


@asynccontextmanager
async def open_bot(
    settings: Settings, surroundings: AppOverrides | None = None
) -> AsyncIterator[Bot]:
    """Build the bot and serve its pages.

    Waits for the workspace for as long as it takes. Raises ConfigError, StorageError, and
    TokenRejectedError where the bot's own token is refused.
    """
    async with AsyncExitStack() as stack:
        premises = await open_premises(stack, settings, surroundings or AppOverrides())
        ground, parts = premises.ground, premises.clock_parts
        opening = open_clockwork(parts, settings.storage.url, ground.surroundings.sleep)
        clockwork = await stack.enter_async_context(opening)
        bot, gauges = _make_bot(premises, clockwork)
        pages = _make_pages(ground)
        connect = _make_connection_pages(premises, pages)
        web_app = make_web_app(connect, pages, lambda: bot.is_ready, lambda: bot.is_alive)
        if settings.web.metrics:
            add_metrics(web_app, gauges.render)
        await stack.enter_async_context(open_web_server(web_app, premises.listening))
        yield bot


def _make_bot(premises: Premises, clockwork: Clockwork) -> tuple[Bot, Gauges]:
    ground = premises.ground

    def hear(message: Message) -> None:
        reception.intake.hear(message)

    async def catch_up() -> None:
        await reception.intake.catch_up()
        ground.surroundings.on_listening()

    async def recheck() -> bool:
        return await reception.intake.recheck()

    realtime = RealtimeClient(
        ground.settings.workspace.url,
        ground.token,
        hear=hear,
        before_live=catch_up,
        recheck=recheck,
        timing=ground.surroundings.timing,
    )
    grounds = _make_reception_grounds(premises, realtime)
    reception = make_reception(grounds)
    upkeep, oversight = premises.delegation.upkeep, make_operator_tasks(premises.clock_parts)
    bot = Bot(reception, realtime, upkeep, clockwork, oversight, premises.public_url)
    return bot, make_gauges(grounds, reception, realtime)


def _make_reception_grounds(premises: Premises, realtime: RealtimeClient) -> ReceptionGrounds:
    ground = premises.ground
    rooms, now = DirectRooms(ground.rest), ground.surroundings.now
    delivery = ReplySender(ground.rest, rooms, ground.account, now, ground.pictures)
    return ReceptionGrounds(
        listener=Listener(ground.account, ground.settings.bot.prefix),
        token=ground.token,
        rest=ground.rest,
        database=ground.database,
        delivery=delivery,
        answer_parts=_make_answer_parts(premises, realtime, delivery, rooms),
        window=timedelta(minutes=ground.settings.bot.catch_up_minutes),
        timing=ground.surroundings.timing,
        is_live=lambda: realtime.is_live,
        now=now,
        seconds=ground.surroundings.seconds,
    )


def _make_answer_parts(
    premises: Premises, realtime: RealtimeClient, delivery: ReplySender, rooms: DirectRooms
) -> ResponderParts:
    ground = premises.ground

    async def show_typing(room_id: str, thread_id: str | None, is_typing: bool) -> None:  # noqa: FBT001 - a state
        # The server takes the user name, or the name where UI_Use_Real_Name is on, and silently
        # drops the other (notifications.module.ts, 8.3); nobody tells which it is.
        for name in {ground.account.username, ground.account.name} - {""}:
            await realtime.send_typing(room_id, name, thread_id=thread_id, is_typing=is_typing)

    return ResponderParts(
        commands=load_commands(commands),
        services=_make_services(premises),
        rooms=rooms,
        manners=ReplyThrottle(ground.surroundings.now),
        delivery=delivery,
        show_typing=show_typing,
        expected_wait=ground.rest.expected_wait,
        metrics=ground.metrics,
    )


def _make_services(premises: Premises) -> Services:
    ground, delegation, clock = premises.ground, premises.delegation, premises.clock_parts
    memory, now = ground.memory, ground.surroundings.now
    return Services(
        sessions=Sessions(ground.rest, delegation.tokens, memory.names, memory.listings, now),
        connections=delegation.connections,
        people=PersonalData(memory),
        consent=Confirmations(memory.confirmations, now),
        plans=make_schedules(clock),
        reports=make_reports(clock, ground.rest),
        alerts=make_alerts(clock, ground.rest),
    )


def _make_pages(ground: Ground) -> Pages:
    return Pages(
        bot_name=ground.account.name or ground.account.username,
        workspace_url=ground.settings.workspace.url,
        prefix=ground.settings.bot.prefix,
    )


def _make_connection_pages(premises: Premises, pages: Pages) -> ConnectionPages:
    browsers = BrowserCookies(is_https=urlsplit(premises.public_url).scheme == "https")
    connections = premises.delegation.connections
    return ConnectionPages(connections, LinkingForm(connections, pages, browsers), browsers)
