"""Builds the parts that work by the clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from bot.delivery.direct_rooms import DirectRooms
from bot.delivery.reply_sender import ReplySender
from bot.features.accounts.linking import AccountLinking
from bot.features.accounts.tokens import Tokens
from bot.features.alerts.alerts import Alerts
from bot.features.personal_data import Stores
from bot.features.reports.pictures import Pictures
from bot.features.reports.reports import Reports
from bot.features.reports.schedules import Schedules
from bot.features.reports.store import ReportRuns
from bot.features.sessions.sessions import Sessions
from bot.features.status_report.counters import CounterStore
from bot.features.status_report.status_report import (
    OperatorTaskParts,
    OperatorTasks,
    StatusReport,
    StatusReportParts,
    StatusReportSettings,
)
from bot.metrics import Metrics
from bot.models import Sender
from bot.rocketchat.client import RestClient
from bot.scheduler.scheduler import Duties, Scheduler
from bot.scheduler.tasks import GRACE, ScheduledTasks, TaskParts, TaskRunner
from bot.storage.database import Database

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ClockParts:
    """What the work by the clock stands on; ``account`` is the bot's own."""

    database: Database
    memory: Stores
    rest: RestClient
    tokens: Tokens
    connections: AccountLinking
    account: Sender
    prefix: str
    now: Callable[[], datetime]
    metrics: Metrics
    books: CounterStore
    wish: StatusReportSettings | None
    pictures: Pictures | None = None


def make_schedules(parts: ClockParts) -> Schedules:
    """Make what knows whose reports are due when."""
    return Schedules(parts.memory.schedules, parts.memory.accounts, parts.now)


def make_reports(parts: ClockParts, rest: RestClient) -> Reports:
    """Make what makes reports, with calls of that client's priority."""
    memory = parts.memory
    sessions = _make_sessions(parts, rest)
    return Reports(sessions, memory.sightings, memory.names, parts.now)


def make_alerts(parts: ClockParts, rest: RestClient) -> Alerts:
    """Make what looks for new devices, with calls of that client's priority."""
    memory = parts.memory
    return Alerts(_make_sessions(parts, rest), memory.sightings, memory.watches, parts.now)


def make_status_report(parts: ClockParts) -> StatusReport:
    """Make what reports to the operator; its calls let those of people go first."""
    rest = parts.rest.in_background()
    own_parts = StatusReportParts(
        account=parts.account,
        version=version("session-bot"),
        rest=rest,
        delivery=ReplySender(rest, DirectRooms(rest), parts.account, parts.now),
        database=parts.database,
        plans=make_schedules(parts),
        books=parts.books,
        now=parts.now,
    )
    return StatusReport(own_parts, parts.wish)


def make_operator_tasks(parts: ClockParts) -> OperatorTasks:
    """Make what is done for the operator while the bot runs."""
    return OperatorTasks(
        OperatorTaskParts(
            books=parts.books,
            own_report=make_status_report(parts),
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
    plans, alerts = make_schedules(parts), make_alerts(parts, rest)
    errand_parts = TaskParts(
        plans=plans,
        reports=make_reports(parts, rest),
        alerts=alerts,
        connections=parts.connections,
        delivery=ReplySender(rest, DirectRooms(rest), parts.account, parts.now, parts.pictures),
        own_report=make_status_report(parts),
        metrics=parts.metrics,
    )
    errands = ScheduledTasks(errand_parts, parts.prefix, parts.now)
    slots = ReportRuns(parts.database)
    return Duties(plans, alerts, slots, TaskRunner(errands, slots, parts.now), parts.now)


def _make_sessions(parts: ClockParts, rest: RestClient) -> Sessions:
    memory = parts.memory
    return Sessions(rest, parts.tokens, memory.names, memory.listings, parts.now)
