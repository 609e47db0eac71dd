"""Builds the program: opens everything in order, wires it, runs it, closes it in reverse.

This is the only place that constructs the parts of other packages.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

from bot import commands
from bot.backoff import Backoff
from bot.commands.registry import Context, load_commands
from bot.config import Settings
from bot.delivery.reply_sender import ReplySender
from bot.dispatcher.claims import MessageClaims
from bot.dispatcher.dispatcher import Dispatcher
from bot.dispatcher.message_worker import MessageWorker
from bot.dispatcher.notifications import Notifications
from bot.dispatcher.receiver import MessageReceiver
from bot.dispatcher.responder import Responder
from bot.dispatcher.server_clock import ServerClock
from bot.dispatcher.user_queues import UserQueues
from bot.errors import ProtocolError, StorageError
from bot.features.accounts import vault_keys
from bot.features.accounts.audit import AuditTrail
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
from bot.features.sessions.addresses import open_places
from bot.features.sessions.sessions import Sessions
from bot.features.status_report.counters import CounterStore
from bot.features.status_report.status_report import StatusReport, make_status_report_settings
from bot.gauges import Gauges, add_storage_gauge
from bot.lifecycle import Bot, Worker, open_with_retries
from bot.metrics import Metrics
from bot.models import AuthToken
from bot.parsing import Listener
from bot.rocketchat.account import BotAccount
from bot.rocketchat.client import open_rest_client
from bot.rocketchat.oauth import OAuthClient, OAuthProvider, open_oauth
from bot.rocketchat.realtime import RealtimeClient, RealtimeSettings
from bot.scheduler.presence_checks import PresenceChecks
from bot.scheduler.scheduler import Scheduler
from bot.scheduler.shared.open_cluster import open_cluster
from bot.scheduler.task_runner import TaskRunner
from bot.scheduler.tasks import ScheduledTasks
from bot.storage.checkpoints import Checkpoints
from bot.storage.database import Database, open_database
from bot.storage.engine import find_database_file, is_on_server
from bot.storage.inbox import Inbox
from bot.storage.message_id_key import load_message_id_key
from bot.storage.vault import Vault
from bot.web.linking_pages import LinkingPages
from bot.web.server import WebServer, make_health_app, make_web_app, open_web_server
from bot.web.templating import Pages

if TYPE_CHECKING:
    from bot.scheduler.shared.cluster import Cluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AppOverrides:
    """What a test or the demo may replace.

    ``sleep`` is how the scheduler waits; ``seconds`` is a monotonic clock; ``start_timeout_s`` is
    how long a start waits for what may pass.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    backoff: Backoff = field(default_factory=Backoff)
    request_timeout_s: float = 15.0
    start_timeout_s: float = 30.0
    on_listening: Callable[[], None] = lambda: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    browser_timeout_s: float = BROWSER_TIMEOUT_S
    seconds: Callable[[], float] = time.monotonic
    realtime: RealtimeSettings = field(default_factory=RealtimeSettings)


def open_bot(
    settings: Settings, overrides: AppOverrides | None = None
) -> AbstractAsyncContextManager[Bot]:
    """Build the bot and serve its pages.

    Waits for the workspace as long as it takes, and half a minute for a database on a server or
    for a workspace in whose place something else answers.
    Raises ConfigError, StorageError, and TokenRejectedError where the bot's own token is refused.
    """
    return _open(settings, overrides or AppOverrides(), _App.open_bot)


def open_worker(
    settings: Settings, overrides: AppOverrides | None = None
) -> AbstractAsyncContextManager[Worker]:
    """Build a process that runs scheduled jobs only, and serve its health and metrics.

    Waits and raises as ``open_bot`` does; ConfigError also where the database is not PostgreSQL.
    """
    return _open(settings, overrides or AppOverrides(), _App.open_worker)


@asynccontextmanager
async def _open(
    settings: Settings, overrides: AppOverrides, open_parts: Callable[["_App"], Awaitable[T]]
) -> AsyncIterator[T]:
    """Listen, so that health is served from the beginning, and open the parts."""
    is_shared = is_on_server(settings.storage.url)
    async with AsyncExitStack() as stack:
        web = settings.web
        listening = open_web_server(web.host, web.port, has_metrics=web.metrics)
        server = await stack.enter_async_context(listening)
        public_url = server.fill_port(web.public_url)
        yield await open_with_retries(
            stack,
            lambda opened: open_parts(_App(settings, overrides, opened, server, public_url)),
            # A gateway answers in the place of a workspace that starts.
            transient_errors=(ProtocolError, StorageError) if is_shared else (ProtocolError,),
            timeout_s=overrides.start_timeout_s,
            pause_s=overrides.backoff.first_pause_s,
        )


@dataclass(eq=False)
class _App:
    """The parts of one process, each opened or made once, those that others need first."""

    settings: Settings
    overrides: AppOverrides
    stack: AsyncExitStack
    web: WebServer
    public_url: str

    async def open_bot(self) -> Bot:
        """Open everything that listens, answers and serves pages."""
        task_runner = await self._open_features()
        scheduler = await self._open_scheduler(task_runner)
        realtime = RealtimeClient(
            self.settings.workspace.url,
            self._token,
            settings=self.overrides.realtime,
            backoff=self.overrides.backoff,
            ca_file=self.settings.workspace.ca_file,
        )
        presence_checks = PresenceChecks(task_runner, realtime.presence.follow)
        dispatcher = self._make_dispatcher(realtime)
        bot = Bot(
            dispatcher=dispatcher,
            realtime=realtime,
            background=[
                self._sessions.sign_out.run,
                scheduler.run,
                self._status_report.run,
                presence_checks.run,
                partial(self._account.follow, self._listener.replace_bot, self.overrides.sleep),
            ],
            hourly=[self._maintenance.run, self._profiles.load_all, self._sessions.sign_out.resume],
            sleep=self.overrides.sleep,
            on_listening=self.overrides.on_listening,
            on_online=presence_checks.note_online,
            public_url=self.public_url,
            fetch_version=self._rest.fetch_version,
        )
        limiter, now = self._rest.rate_limiter, self.overrides.now
        gauges = Gauges(self._metrics, dispatcher, realtime, limiter, self._database, now)
        pages = Pages(self._listener, self.settings.workspace.url, self.public_url)
        linking_pages = LinkingPages(self._linking, pages, self.public_url)
        app = make_web_app(linking_pages, pages, lambda: bot.is_ready, lambda: bot.is_alive)
        # Last, so that requests which are being answered still have the database.
        await self.stack.enter_async_context(self.web.serve(app, gauges.render, self._metrics))
        return bot

    async def open_worker(self) -> Worker:
        """Open what runs scheduled jobs, and serve its health and metrics."""
        cluster = await self._open_cluster(await self._open_features())
        worker = Worker(cluster, self._counters.run, self.public_url, self._rest.fetch_version)
        add_storage_gauge(self._metrics, lambda: cluster.is_storage_good)
        web_app = make_health_app(lambda: worker.is_alive, lambda: worker.is_ready)
        await self.stack.enter_async_context(self.web.serve(web_app, self._render_metrics))
        return worker

    async def _open_foundations(self) -> None:
        """Open the database, the vault and the workspace's client."""
        settings, overrides = self.settings, self.overrides
        self._metrics = metrics = Metrics(version("session-bot"))
        database = open_database(settings.storage.url, metrics.record_transaction)
        self._database = await self.stack.enter_async_context(database)
        self._counters = CounterStore(metrics, self._database, overrides.now, overrides.sleep)
        self.stack.push_async_callback(self._counters.save_if_possible)
        self._vault = await open_vault(self._database, settings)
        self._token = AuthToken(settings.workspace.user_id, settings.workspace.auth_token)
        connecting = open_rest_client(
            settings.workspace.url,
            self._token,
            timeout_s=overrides.request_timeout_s,
            max_queued=settings.bot.most_waiting,
            on_request=metrics.record_request,
            ca_file=settings.workspace.ca_file,
        )
        self._rest = await self.stack.enter_async_context(connecting)
        self._account = BotAccount(self._rest, self._token, overrides.seconds)
        self._bot = await self._account.wait(overrides.backoff)
        self._listener = Listener(self._bot, settings.bot.prefix)

    async def _open_accounts(self) -> None:
        """Make what links accounts, and keeps and uses their tokens."""
        database, now = self._database, self.overrides.now
        self._accounts = Accounts(database, self._vault)
        oauth = await self._open_oauth()
        audit = AuditTrail(database, now)
        refresher = TokenRefresher(self._accounts, oauth, now)
        self._tokens = Tokens(self._accounts, refresher, self._rest, database, audit, now)
        self._linking = AccountLinking(
            accounts=self._accounts,
            rest=self._rest,
            account=self._account,
            oauth=oauth,
            audit=audit,
            database=database,
            public_url=self.public_url,
            now=now,
            browser_timeout_s=self.overrides.browser_timeout_s,
        )
        self._maintenance = Maintenance(self._accounts, refresher, self._linking, audit, now)
        self._profiles = Profiles(self._accounts, self._tokens, self._rest, now)

    async def _open_oauth(self) -> OAuthProvider | None:
        settings, workspace = self.settings.oauth, self.settings.workspace
        if not settings.client_id:
            await warn_if_oauth_is_missing(self._database)
            return None
        callback = f"{self.public_url}/oauth/callback"
        client = OAuthClient(settings.client_id, settings.client_secret, callback)
        oauth = open_oauth(workspace.url, client, now=self.overrides.now, ca_file=workspace.ca_file)
        return await self.stack.enter_async_context(oauth)

    async def _open_features(self) -> TaskRunner:
        """Open all that a bot and a worker need; return what runs the scheduled tasks."""
        await self._open_foundations()
        await self._open_accounts()
        settings, database, now = self.settings, self._database, self.overrides.now
        self._schedules = Schedules(database, self._accounts, now, self._rest.find_list_rate)
        self._reply_sender = ReplySender(
            rest=self._rest,
            bot=self._bot,
            save_username=self._accounts.save_username,
            id_key=await load_message_id_key(database, self._vault),
            now=now,
            pictures=Pictures(self.overrides.seconds) if settings.reports.picture else None,
            has_buttons=settings.bot.buttons,
        )
        places = self.stack.enter_context(open_places(settings.places.database))
        self._sessions = Sessions(self._rest, self._tokens, database, places, now)
        self._reports = Reports(self._sessions, database, now)
        self._alerts = Alerts(self._sessions, database, now, self._rest.find_list_rate)
        report = settings.status_report
        self._status_report = StatusReport(
            make_status_report_settings(report.room, report.schedule, report.timezone),
            bot_id=self._bot.id,
            version=version("session-bot"),
            rest=self._rest,
            database=database,
            schedules=self._schedules,
            counters=self._counters,
            now=now,
        )
        return self._make_task_runner()

    def _make_task_runner(self) -> TaskRunner:
        now = self.overrides.now
        tasks = ScheduledTasks(
            schedules=self._schedules,
            sessions=self._sessions,
            reports=self._reports,
            alerts=self._alerts,
            profiles=self._profiles,
            reply_sender=self._reply_sender,
            status_report=self._status_report,
            find_missing_licence=self._account.find_missing_licence,
            metrics=self._metrics,
            prefix=self.settings.bot.prefix,
            now=now,
        )
        return TaskRunner(tasks, self._database, self._rest.fetch_time, now)

    async def _open_scheduler(self, task_runner: TaskRunner) -> "Scheduler | Cluster":
        """Open the scheduler that suits the database; raise ConfigError and StorageError."""
        if is_on_server(self.settings.storage.url):
            return await self._open_cluster(task_runner)
        return Scheduler(task_runner, self.overrides.now, self.overrides.sleep)

    async def _open_cluster(self, task_runner: TaskRunner) -> "Cluster":
        now, sleep, url = self.overrides.now, self.overrides.sleep, self.settings.storage.url
        cluster = open_cluster(self._database, url, task_runner, now, sleep)
        return await self.stack.enter_async_context(cluster)

    def _make_responder(self, realtime: RealtimeClient) -> Responder:
        make_context = partial(
            Context,
            sessions=self._sessions,
            reports=self._reports,
            schedules=self._schedules,
            alerts=self._alerts,
            confirmations=Confirmations(self._database, self.overrides.now),
            personal_data=PersonalData(self._database),
        )
        return Responder(
            listener=self._listener,
            commands=load_commands(commands),
            make_context=make_context,
            accounts=self._accounts,
            profiles=self._profiles,
            linking=self._linking,
            reply_sender=self._reply_sender,
            realtime=realtime,
            expected_wait=self._rest.rate_limiter.expected_wait,
            metrics=self._metrics,
            now=self.overrides.now,
        )

    def _make_dispatcher(self, realtime: RealtimeClient) -> Dispatcher:
        now, seconds = self.overrides.now, self.overrides.seconds
        server_clock = ServerClock(seconds, timedelta(minutes=self.settings.bot.catch_up_minutes))
        inbox = Inbox(self._database, name=secrets.token_hex(4))
        checkpoints = Checkpoints(self._database, self._bot.id)
        responder = self._make_responder(realtime)
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
            queues=UserQueues(self.overrides.backoff),
            worker=worker,
            reply_timer=self._metrics.reply_timer,
            people_waiting=self._rest.people_waiting,
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
            now=now,
        )
        return Dispatcher(
            receiver=receiver,
            claims=claims,
            notifications=Notifications(self._linking, responder, self._reply_sender),
            inbox=inbox,
            checkpoints=checkpoints,
            server_clock=server_clock,
            check_token=self._account.check_token,
            now=now,
            seconds=seconds,
        )

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
