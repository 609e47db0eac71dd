"""Builds the parts that work by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bot.delivery import Delivery
from bot.models import Sender
from bot.rocketchat.rest import Rest
from bot.scheduler.errands import ErrandParts, Errands
from bot.scheduler.loop import Scheduler
from bot.services.alerts import Alerts
from bot.services.connections import Connections
from bot.services.people import Memory
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


def make_scheduler(parts: ClockParts, sleep: Sleep = asyncio.sleep) -> Scheduler:
    """Make what does it all in time; its calls let those of people go first."""
    rest = parts.rest.in_background()
    plans, alerts = make_plans(parts), make_alerts(parts, rest)
    errand_parts = ErrandParts(
        plans=plans,
        reports=make_reports(parts, rest),
        alerts=alerts,
        connections=parts.connections,
        delivery=Delivery(rest, Rooms(rest), parts.account, parts.now),
    )
    errands = Errands(errand_parts, parts.prefix, parts.now)
    return Scheduler(plans, alerts, Slots(parts.database), errands, parts.now, sleep)


def _make_sessions(parts: ClockParts, rest: Rest) -> Sessions:
    memory = parts.memory
    return Sessions(rest, parts.tokens, memory.names, memory.listings, parts.now)
