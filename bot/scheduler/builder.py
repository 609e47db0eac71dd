"""Builds the parts that work by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from bot.delivery import Delivery
from bot.metrics import Metrics
from bot.models import Sender
from bot.operations.bookkeeping import Bookkeeping
from bot.operations.oversight import Oversight, OversightParts
from bot.operations.own_report import OwnReport, OwnReportParts, Wish
from bot.rocketchat.rest import Rest
from bot.scheduler.attempts import Attempts
from bot.scheduler.errands import GRACE, ErrandParts, Errands
from bot.scheduler.loop import Duties, Scheduler
from bot.services.alerts import Alerts
from bot.services.connections import Connections
from bot.services.people import Memory
from bot.services.pictures import Pictures
from bot.services.plans import Plans
from bot.services.reports import Reports
from bot.services.rooms import Rooms
from bot.services.sessions import Sessions
from bot.services.tokens import Tokens
from bot.storage.database import Database
from bot.storage.slots import Slots

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ClockParts:
    """What the work by the clock stands on; ``account`` is the bot's own."""

    database: Database
    memory: Memory
    rest: Rest
    tokens: Tokens
    connections: Connections
    account: Sender
    prefix: str
    now: Callable[[], datetime]
    metrics: Metrics
    books: Bookkeeping
    wish: Wish | None
    pictures: Pictures | None = None


def make_plans(parts: ClockParts) -> Plans:
    """Make what knows whose reports are due when."""
    return Plans(parts.memory.schedules, parts.memory.accounts, parts.now)


def make_reports(parts: ClockParts, rest: Rest) -> Reports:
    """Make what makes reports, with calls of that client's priority."""
    memory = parts.memory
    sessions = _make_sessions(parts, rest)
    return Reports(sessions, memory.sightings, memory.names, parts.now)


def make_alerts(parts: ClockParts, rest: Rest) -> Alerts:
    """Make what looks for new devices, with calls of that client's priority."""
    memory = parts.memory
    return Alerts(_make_sessions(parts, rest), memory.sightings, memory.watches, parts.now)


def make_own_report(parts: ClockParts) -> OwnReport:
    """Make what reports to the operator; its calls let those of people go first."""
    rest = parts.rest.in_background()
    own_parts = OwnReportParts(
        account=parts.account,
        version=version("session-bot"),
        rest=rest,
        delivery=Delivery(rest, Rooms(rest), parts.account, parts.now),
        database=parts.database,
        plans=make_plans(parts),
        books=parts.books,
        now=parts.now,
    )
    return OwnReport(own_parts, parts.wish)


def make_oversight(parts: ClockParts) -> Oversight:
    """Make what is done for the operator while the bot runs."""
    return Oversight(
        OversightParts(
            books=parts.books,
            own_report=make_own_report(parts),
            database=parts.database,
            budget=parts.rest.budget,
            bot_id=parts.account.id,
            grace=GRACE,
        )
    )


def make_scheduler(parts: ClockParts, sleep: Sleep = asyncio.sleep) -> Scheduler:
    """Make what does it all in time, in this process."""
    return Scheduler(make_duties(parts), sleep)


def make_duties(parts: ClockParts) -> Duties:
    """Make what there is to do by the clock; its calls let those of people go first."""
    rest = parts.rest.in_background()
    plans, alerts = make_plans(parts), make_alerts(parts, rest)
    errand_parts = ErrandParts(
        plans=plans,
        reports=make_reports(parts, rest),
        alerts=alerts,
        connections=parts.connections,
        delivery=Delivery(rest, Rooms(rest), parts.account, parts.now, parts.pictures),
        own_report=make_own_report(parts),
        metrics=parts.metrics,
    )
    errands = Errands(errand_parts, parts.prefix, parts.now)
    slots = Slots(parts.database)
    return Duties(plans, alerts, slots, Attempts(errands, slots, parts.now), parts.now)


def _make_sessions(parts: ClockParts, rest: Rest) -> Sessions:
    memory = parts.memory
    return Sessions(rest, parts.tokens, memory.names, memory.listings, parts.now)
