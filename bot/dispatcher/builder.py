"""Builds what stands between the stream of messages and the answers."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.catch_up import CatchUp
from bot.dispatcher.claims import ClaimsParts, MessageClaims
from bot.dispatcher.dispatcher import Dispatcher, DispatcherParts
from bot.dispatcher.message_worker import MessageWorker, MissedMessageNotice, WorkerParts
from bot.dispatcher.notifications import Notifications
from bot.dispatcher.receiver import MessageReceiver, ReceiverParts, is_worth_hearing
from bot.dispatcher.responder import Responder, ResponderParts
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import UserQueues
from bot.errors import TokenRejectedError, WorkspaceError
from bot.gauges import Gauges, Sources
from bot.models import AuthToken
from bot.parsing import Listener
from bot.rocketchat.client import RestClient
from bot.rocketchat.realtime import Backoff, RealtimeClient
from bot.storage.checkpoints import Checkpoints
from bot.storage.database import Database
from bot.storage.health import StorageHealth
from bot.storage.inbox import Inbox

_LEAST_PATIENCE: Final = timedelta(minutes=10)
_LONGEST_PAUSE: Final = 10.0


@dataclass(frozen=True, slots=True)
class ReceptionGrounds:
    """What it stands on; ``window`` is how far back an outage is caught up on."""

    listener: Listener
    token: AuthToken
    rest: RestClient
    database: Database
    delivery: ReplySender
    answer_parts: ResponderParts
    window: timedelta
    timing: Backoff
    is_live: Callable[[], bool]
    now: Callable[[], datetime]
    seconds: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Reception:
    """Its parts that others need."""

    dispatcher: Dispatcher
    intake: MessageReceiver
    lanes: UserQueues
    health: StorageHealth


class _Builder:
    """Makes each part once; each stands on those before it."""

    def __init__(self, grounds: ReceptionGrounds) -> None:
        self.grounds: Final = grounds
        self.name: Final = secrets.token_hex(4)
        self.patience: Final = max(grounds.window, _LEAST_PATIENCE)
        self.clock: Final = ServerClock(grounds.seconds)
        self.health: Final = StorageHealth()
        self.inbox: Final = Inbox(grounds.database)
        self.checkpoints: Final = Checkpoints(grounds.database, grounds.listener.bot.id)
        pauses = replace(
            grounds.timing, longest_pause=min(grounds.timing.longest_pause, _LONGEST_PAUSE)
        )
        self.lanes: Final = UserQueues(pauses)
        self.answers: Final = Responder(grounds.listener, grounds.answer_parts, grounds.now)
        self.absence: Final = MissedMessageNotice(self.inbox, self.answers, self.name, grounds.now)
        self.cases: Final = self._make_cases()
        self.desk: Final = self._make_desk()
        self.intake: Final = self._make_intake()

    def make_dispatcher(self) -> Dispatcher:
        connections = self.grounds.answer_parts.services.connections
        parts = DispatcherParts(
            intake=self.intake,
            desk=self.desk,
            lanes=self.lanes,
            news=Notifications(connections, self.answers, self.grounds.delivery),
            connections=connections,
            inbox=self.inbox,
            checkpoints=self.checkpoints,
            clock=self.clock,
            health=self.health,
            check_token=self._check_token,
            now=self.grounds.now,
            seconds=self.grounds.seconds,
        )
        # Longer than anything may be answered, so that nothing is answered again.
        return Dispatcher(parts, memory=2 * self.patience)

    def _make_cases(self) -> MessageWorker:
        parts = WorkerParts(
            name=self.name,
            inbox=self.inbox,
            answers=self.answers,
            absence=self.absence,
            rest=self.grounds.rest,
            clock=self.clock,
            health=self.health,
            check_token=self._check_token,
            now=self.grounds.now,
            metrics=self.grounds.answer_parts.metrics,
        )
        return MessageWorker(parts, self.patience)

    def _make_desk(self) -> MessageClaims:
        return MessageClaims(
            ClaimsParts(
                name=self.name,
                inbox=self.inbox,
                lanes=self.lanes,
                cases=self.cases,
                health=self.health,
                now=self.grounds.now,
                waits=self.grounds.answer_parts.metrics.waits,
            )
        )

    def _make_intake(self) -> MessageReceiver:
        listener = self.grounds.listener
        catch_up = CatchUp(
            self.grounds.rest,
            self.checkpoints,
            self.clock,
            window=self.grounds.window,
            is_worth=partial(is_worth_hearing, listener=listener),
        )
        parts = ReceiverParts(
            listener=listener,
            catch_up=catch_up,
            checkpoints=self.checkpoints,
            clock=self.clock,
            health=self.health,
            accept=self.desk.accept,
            give_up=self.absence.give_up,
            complain=self.cases.complain,
            is_live=self.grounds.is_live,
            now=self.grounds.now,
        )
        return MessageReceiver(parts, self.patience)

    async def _check_token(self) -> None:
        """Tell a dead token from a gateway's bad moment."""
        try:
            await self.grounds.rest.fetch_user(self.grounds.token)
        except TokenRejectedError:
            raise
        except WorkspaceError as error:
            log = structlog.get_logger("reception")
            log.warning("the bot's token could not be checked", problem=repr(error))


def make_reception(grounds: ReceptionGrounds) -> Reception:
    """Build it all."""
    builder = _Builder(grounds)
    return Reception(builder.make_dispatcher(), builder.intake, builder.lanes, builder.health)


def make_gauges(
    grounds: ReceptionGrounds, reception: Reception, realtime: RealtimeClient
) -> Gauges:
    """Make what shows how it all stands."""
    sources = Sources(
        realtime=realtime,
        budget=grounds.rest.budget,
        database=grounds.database,
        in_hand=lambda: reception.lanes.count,
        heard=lambda: reception.intake.backlog,
        is_storage_good=lambda: reception.health.is_good,
        now=grounds.now,
    )
    return Gauges(grounds.answer_parts.metrics, sources)
