"""Builds the program: opens everything in order, wires it, runs it, closes it in reverse.

This is the only place that constructs the parts of other packages.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import SecretStr

from bot import commands
from bot.backoff import Backoff
from bot.commands.registry import CommandRegistry, Context, load_commands
from bot.config import Settings
from bot.delivery.direct_rooms import DirectRooms
from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.claims import MessageClaims
from bot.dispatcher.dispatcher import Dispatcher
from bot.dispatcher.message_worker import MessageWorker
from bot.dispatcher.notifications import Notifications
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.responder import Responder
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import UserQueues
from bot.errors import ConfigError, ProtocolError, StorageError
from bot.features.accounts import vault_keys
from bot.features.accounts.audit import AuditTrail
from bot.features.accounts.bearer_support import BearerSupport
from bot.features.accounts.linking import BROWSER_TIMEOUT_S, AccountLinking
from bot.features.accounts.maintenance import Maintenance
from bot.features.accounts.profiles import Profiles
from bot.features.accounts.store import Accounts
from bot.features.accounts.token_refresh import TokenRefresher, warn_if_oauth_is_missing
from bot.features.accounts.tokens import Tokens
from bot.features.alerts.alerts import Alerts
from bot.features.confirmations import Confirmations
from bot.features.personal_data import PersonalData
from bot.features.reports.pictures import Pictures
from bot.features.reports.reports import Reports
from bot.features.reports.schedules import Schedules
from bot.features.sessions.sessions import Sessions
from bot.features.status_report.counters import CounterStore
from bot.features.status_report.status_report import StatusReport, make_status_report_settings
from bot.gauges import BacklogGauges, add_gauges, add_storage_gauge
from bot.lifecycle import Bot, Worker, open_with_retries
from bot.metrics import Metrics
from bot.models import AuthToken
from bot.parsing import Listener
from bot.rocketchat.account import BotAccount
from bot.rocketchat.client import RestClient, open_rest_client
from bot.rocketchat.oauth import OAuthClient, OAuthProvider, open_oauth
from bot.rocketchat.rate_limit.limiter import PeopleWaiting
from bot.rocketchat.realtime import RealtimeClient, RealtimeSettings
from bot.scheduler.presence_checks import PresenceChecks
from bot.scheduler.scheduler import Scheduler
from bot.scheduler.shared.migrate_jobs import migrate_jobs
from bot.scheduler.task_runner import TaskRunner
from bot.scheduler.tasks import MAX_DELAY, ScheduledTasks
from bot.storage.checkpoints import Checkpoints
from bot.storage.database import Database, open_database
from bot.storage.engine import find_database_file, is_on_server
from bot.storage.inbox import Inbox
from bot.storage.message_id_key import load_message_id_key
from bot.storage.vault import Vault
from bot.web.linking_pages import LinkingPages
from bot.web.server import (
    WebServer,
    add_metrics,
    fill_port,
    make_health_app,
    make_web_app,
    open_socket,
    open_web_server,
)
from bot.web.templating import Pages

if TYPE_CHECKING:
    from bot.scheduler.shared.cluster import Cluster

_MIN_MESSAGE_AGE: Final = timedelta(minutes=10)

T = TypeVar("T")


def read_clock() -> datetime:
    """Return the present time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class AppOverrides:
    """What a test or the demo may replace.

    ``sleep`` is how the scheduler waits; ``seconds`` is a monotonic clock; ``start_timeout_s`` is
    how long a start waits for what may pass.
    """

    now: Callable[[], datetime] = read_clock
    backoff: Backoff = field(default_factory=Backoff)
    request_timeout_s: float = 15.0
    start_timeout_s: float = 30.0
    on_listening: Callable[[], None] = lambda: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    browser_timeout_s: float = BROWSER_TIMEOUT_S
    seconds: Callable[[], float] = time.monotonic
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)


@asynccontextmanager
async def open_bot(settings: Settings, overrides: AppOverrides | None = None) -> AsyncIterator[Bot]:
    """Build the bot and serve its pages.

    Waits for the workspace as long as it takes, and half a minute for a database on a server or
    for a workspace in whose place something else answers.
    Raises ConfigError, StorageError, and TokenRejectedError where the bot's own token is refused.
    """
    async with _open(settings, overrides or AppOverrides(), _App.open_bot) as bot:
        yield bot


@asynccontextmanager
async def open_worker(
    settings: Settings, overrides: AppOverrides | None = None
) -> AsyncIterator[Worker]:
    """Build a process that runs scheduled jobs only, and serve its health and metrics.

    Waits and raises as ``open_bot`` does; ConfigError also where the database is not PostgreSQL.
    """
    async with _open(settings, overrides or AppOverrides(), _App.open_worker) as worker:
        yield worker


@asynccontextmanager
async def _open(
    settings: Settings, overrides: AppOverrides, open_parts: Callable[["_App"], Awaitable[T]]
) -> AsyncIterator[T]:
    """Listen, so that health is served from the beginning, and open the parts."""
    listening = open_socket(settings.web.host, settings.web.port)
    is_shared = is_on_server(settings.storage.url)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server(listening))
        public_url = fill_port(settings.web.public_url, listening)

        async def open_once(opened: AsyncExitStack) -> T:
            return await open_parts(_App(settings, overrides, opened, server, public_url))

        yield await open_with_retries(
            stack,
            open_once,
            # A gateway answers in the place of a workspace that starts.
            passing=(ProtocolError, StorageError) if is_shared else (ProtocolError,),
            timeout_s=overrides.start_timeout_s,
            pause_s=overrides.backoff.first_pause_s,
        )


class _App:
    """The parts of one process, each opened or made once, those that others need first."""

    def __init__(
        self,
        settings: Settings,
        overrides: AppOverrides,
        stack: AsyncExitStack,
        server: WebServer,
        public_url: str,
    ) -> None:
        self._settings: Final = settings
        self._overrides: Final = overrides
        self._stack: Final = stack
        self._web: Final = server
        self.public_url: Final = public_url
        self._now: Final = overrides.now
        self._metrics: Final = Metrics(version("session-bot"))
        self._people_waiting: Final = PeopleWaiting(overrides.seconds)

    async def open_bot(self) -> Bot:
        """Open everything that listens, answers and serves pages."""
        await self._open_foundations()
        await self._open_features()
        scheduler = await self._open_scheduler()
        realtime = RealtimeClient(
            self._settings.workspace.url,
            self._token,
            settings=self._overrides.realtime,
            backoff=self._overrides.backoff,
            ca_file=self._settings.workspace.ca_file,
        )
        presence_checks = PresenceChecks(self._task_runner, realtime.presence.follow)
        dispatcher = self._make_dispatcher(realtime, presence_checks)
        bot = Bot(
            dispatcher=dispatcher,
            realtime=realtime,
            background=[
                self._maintenance.run,
                self._profiles.run,
                scheduler.run,
                self._status_report.run,
                presence_checks.run,
                partial(self._account.follow, self._listener.replace_bot, self._overrides.sleep),
            ],
            on_listening=self._overrides.on_listening,
            on_online=presence_checks.note_online,
            public_url=self.public_url,
        )
        limiter = self._rest.rate_limiter
        add_gauges(self._metrics, dispatcher, realtime, limiter, self._database)
        await self._serve_pages(bot, BacklogGauges(self._metrics, self._database, self._now))
        return bot

    async def open_worker(self) -> Worker:
        """Open what runs scheduled jobs, and serve its health and metrics."""
        await self._open_foundations()
        await self._open_features()
        cluster = await self._open_cluster()
        worker = Worker(
            loops=[cluster.run, self._counters.run],
            is_scheduler_alive=lambda: cluster.is_alive,
            is_storage_good=lambda: cluster.is_storage_good,
            public_url=self.public_url,
        )
        web_app = make_health_app(lambda: worker.is_alive, lambda: worker.is_ready)
        add_storage_gauge(self._metrics, lambda: cluster.is_storage_good)
        if self._settings.web.metrics:
            add_metrics(web_app, self._render_metrics)
        await self._web.serve(web_app)
        # Requests that are being answered still need the database.
        self._stack.push_async_callback(self._web.close)
        return worker

    async def _open_foundations(self) -> None:
        """Open the database, the vault and the workspace's client."""
        settings, metrics = self._settings, self._metrics
        database = open_database(settings.storage.url, metrics.record_transaction)
        self._database = await self._stack.enter_async_context(database)
        self._counters = CounterStore(metrics, self._database, self._now, self._overrides.sleep)
        self._stack.push_async_callback(self._counters.save_if_possible)
        self._vault = await open_vault(self._database, settings)
        self._token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
        connecting = open_rest_client(
            settings.workspace.url,
            self._token,
            timeout_s=self._overrides.request_timeout_s,
            max_queued=settings.bot.most_waiting,
            on_request=metrics.record_request,
            people_waiting=self._people_waiting,
            ca_file=settings.workspace.ca_file,
        )
        self._rest = await self._stack.enter_async_context(connecting)
        self._background_rest = self._rest.in_background()
        self._account = BotAccount(self._rest, self._token)
        self._bot = await self._account.wait(self._overrides.backoff)
        self._listener = Listener(self._bot, settings.bot.prefix)

    async def _open_features(self) -> None:
        """Make what the bot does, from its stores to its services."""
        database, vault, now = self._database, self._vault, self._now
        self._accounts = Accounts(database, vault)
        oauth = await self._open_oauth()
        audit = AuditTrail(database, now)
        bearer = BearerSupport(self._rest, database, now)
        refresher = TokenRefresher(self._accounts, oauth, now)
        self._tokens = Tokens(self._accounts, refresher, self._rest, bearer, audit, now)
        self._linking = AccountLinking(
            accounts=self._accounts,
            rest=self._rest,
            oauth=oauth,
            bearer=bearer,
            audit=audit,
            database=database,
            public_url=self.public_url,
            now=now,
            browser_timeout_s=self._overrides.browser_timeout_s,
        )
        self._maintenance = Maintenance(
            accounts=self._accounts,
            refresher=refresher,
            linking=self._linking,
            audit=audit,
            now=now,
            sleep=self._overrides.sleep,
        )
        self._profiles = Profiles(
            accounts=self._accounts,
            tokens=self._tokens,
            rest=self._rest,
            now=now,
            sleep=self._overrides.sleep,
        )
        self._schedules = Schedules(database, self._accounts, now)
        self._direct_rooms = DirectRooms(self._rest, self._bot.id, self._accounts.save_username)
        self._reply_sender = ReplySender(
            rest=self._rest,
            direct_rooms=self._direct_rooms,
            bot=self._bot,
            id_key=await load_message_id_key(
                database, vault, if_missing=SecretStr(secrets.token_urlsafe(32))
            ),
            now=now,
            pictures=Pictures(self._overrides.seconds) if self._settings.reports.picture else None,
            has_buttons=self._settings.bot.buttons,
        )
        # Scheduled calls let those of people go first.
        features = self._make_session_features(self._background_rest)
        self._task_runner = self._make_task_runner(*features)

    async def _open_oauth(self) -> OAuthProvider | None:
        settings = self._settings.oauth
        if not settings.client_id:
            await warn_if_oauth_is_missing(self._database)
            return None
        callback = f"{self.public_url}/oauth/callback"
        client = OAuthClient(settings.client_id, settings.client_secret, callback)
        workspace = self._settings.workspace
        oauth = open_oauth(workspace.url, client, now=self._now, ca_file=workspace.ca_file)
        return await self._stack.enter_async_context(oauth)

    def _make_session_features(
        self, rest: RestClient, on_alerts_changed: Callable[[], None] = lambda: None
    ) -> tuple[Sessions, Reports, Alerts]:
        database, now = self._database, self._now
        sessions = Sessions(rest, self._tokens, database, now)
        alerts = Alerts(sessions, database, now, on_alerts_changed)
        return sessions, Reports(sessions, database, now), alerts

    def _make_task_runner(self, sessions: Sessions, reports: Reports, alerts: Alerts) -> TaskRunner:
        report = self._settings.report
        self._status_report = StatusReport(
            make_status_report_settings(report.room, report.schedule, report.timezone),
            bot_id=self._bot.id,
            version=version("session-bot"),
            rest=self._background_rest,
            database=self._database,
            schedules=self._schedules,
            counters=self._counters,
            max_delay=MAX_DELAY,
            now=self._now,
        )
        tasks = ScheduledTasks(
            schedules=self._schedules,
            sessions=sessions,
            reports=reports,
            alerts=alerts,
            profiles=self._profiles,
            reply_sender=self._reply_sender,
            status_report=self._status_report,
            metrics=self._metrics,
            prefix=self._settings.bot.prefix,
            now=self._now,
        )
        return TaskRunner(tasks, self._database, self._rest.fetch_time, self._now)

    async def _open_scheduler(self) -> "Scheduler | Cluster":
        """Open the scheduler that suits the database; raise ConfigError and StorageError."""
        if is_on_server(self._settings.storage.url):
            return await self._open_cluster()
        return Scheduler(self._task_runner, self._now, self._overrides.sleep)

    async def _open_cluster(self) -> "Cluster":
        """Open the scheduler that processes on one PostgreSQL share; raise ConfigError without."""
        url = self._settings.storage.url
        if await migrate_jobs(self._database, url) is None:
            raise ConfigError(
                "[storage] url: several processes can share the work on PostgreSQL only"
            )
        from bot.scheduler.shared.cluster import Cluster  # noqa: PLC0415 - procrastinate is an extra
        from bot.scheduler.shared.job_queue import open_queue  # noqa: PLC0415 - the same

        queue = await self._stack.enter_async_context(open_queue(url))
        return Cluster(queue, self._task_runner, self._now, self._overrides.sleep)

    def _make_dispatcher(
        self, realtime: RealtimeClient, presence_checks: PresenceChecks
    ) -> Dispatcher:
        now, seconds = self._now, self._overrides.seconds
        window = timedelta(minutes=self._settings.bot.catch_up_minutes)
        server_clock = ServerClock(seconds, max_age=max(window, _MIN_MESSAGE_AGE))
        inbox = Inbox(self._database, name=secrets.token_hex(4))
        checkpoints = Checkpoints(self._database, self._bot.id)
        queues = UserQueues(self._overrides.backoff)
        command_registry = load_commands(commands)
        responder = Responder(
            listener=self._listener,
            commands=command_registry,
            make_context=self._bind_context(command_registry, presence_checks),
            accounts=self._accounts,
            profiles=self._profiles,
            linking=self._linking,
            direct_rooms=self._direct_rooms,
            reply_sender=self._reply_sender,
            realtime=realtime,
            expected_wait=self._rest.rate_limiter.expected_wait,
            metrics=self._metrics,
            now=now,
        )
        worker = MessageWorker(
            inbox=inbox,
            responder=responder,
            rest=self._rest,
            server_clock=server_clock,
            check_token=self._account.check_token,
            metrics=self._metrics,
            now=now,
        )
        claims = MessageClaims(
            inbox=inbox,
            queues=queues,
            worker=worker,
            reply_timer=self._metrics.reply_timer,
            people_waiting=self._people_waiting,
            now=now,
        )
        receiver = MessageReceiver(
            listener=self._listener,
            rest=self._rest,
            inbox=inbox,
            checkpoints=checkpoints,
            server_clock=server_clock,
            accept=claims.accept,
            give_up=worker.give_up,
            tell_of_trouble=worker.tell_of_trouble,
            is_live=realtime.is_live,
            window=window,
            now=now,
        )
        return Dispatcher(
            receiver=receiver,
            claims=claims,
            queues=queues,
            notifications=Notifications(self._linking, responder, self._reply_sender),
            inbox=inbox,
            checkpoints=checkpoints,
            server_clock=server_clock,
            check_token=self._account.check_token,
            now=now,
            seconds=seconds,
        )

    def _bind_context(
        self, command_registry: CommandRegistry, presence_checks: PresenceChecks
    ) -> Callable[..., Context]:
        """Return what makes a Context: the features are filled in, the call's own fields not."""
        sessions, reports, alerts = self._make_session_features(
            self._rest, presence_checks.note_change
        )
        return partial(
            Context,
            commands=command_registry,
            accounts=self._accounts,
            linking=self._linking,
            sessions=sessions,
            reports=reports,
            schedules=self._schedules,
            alerts=alerts,
            confirmations=Confirmations(self._database, self._now),
            personal_data=PersonalData(self._database),
        )

    async def _serve_pages(self, bot: Bot, gauges: BacklogGauges) -> None:
        settings = self._settings
        pages = Pages(
            find_bot_name=lambda: self._listener.bot.name or self._listener.bot.username,
            workspace_url=settings.workspace.url,
            public_url=self.public_url,
            prefix=settings.bot.prefix,
        )
        linking_pages = LinkingPages(self._linking, pages, self.public_url)
        web_app = make_web_app(linking_pages, pages, lambda: bot.is_ready, lambda: bot.is_alive)
        if settings.web.metrics:
            add_metrics(web_app, gauges.render)
        await self._web.serve(web_app)
        # Requests that are being answered still need the database.
        self._stack.push_async_callback(self._web.close)

    async def _render_metrics(self) -> bytes:
        return self._metrics.render()


async def open_vault(database: Database, settings: Settings) -> Vault:
    """Open the vault as configured; raise ConfigError where a key is missing."""
    return await vault_keys.open_vault(
        database,
        keys=settings.vault.keys,
        key_file=settings.find_key_file(),
        workspace_url=settings.workspace.url,
        is_shared=find_database_file(settings.storage.url) is None,
    )
