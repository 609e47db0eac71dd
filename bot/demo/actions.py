"""The buttons of the demo's page: each does the real thing, and the bot finds out by itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from bot import commands
from bot.app import open_vault
from bot.commands.registry import load_commands
from bot.config import Settings
from bot.demo.completions import list_lines
from bot.demo.passing_time import PassingTime
from bot.demo.restartable_bot import RestartableBot
from bot.features.accounts.store import Accounts
from bot.features.alerts.store import AlertSubscriptions
from bot.features.reports.store import ScheduleStore
from bot.storage.database import Database, open_database
from rocketchat_simulator import Document, Outage, Simulator, User
from rocketchat_simulator.demo.clock import DemoClock
from rocketchat_simulator.demo.server import DemoAction

_BOT_AGENT: Final = "session-bot/"
_LIMITED_ROUTES: Final = ("sessions/list", "sessions/info")

Results = AsyncGenerator[Document]


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the demo's troubles last, in seconds; ``sleep`` waits so long."""

    cut_s: float = 10.0
    stopped_s: float = 5.0
    limited_s: float = 20.0
    sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep


@asynccontextmanager
async def open_actions(
    *,
    simulator: Simulator,
    clock: DemoClock,
    settings: Settings,
    bot: RestartableBot,
    durations: Durations,
    reset: Callable[[], None],
) -> AsyncIterator[None]:
    """Put the buttons on the simulator's page, for as long as the block lasts.

    The bot must have been opened before: it makes the database and the key. ``reset`` asks for a
    new demo, and closes this block.
    """
    async with open_database(settings.storage.url) as database:
        accounts = Accounts(database, await open_vault(database, settings))
        actions = DemoActions(
            simulator=simulator,
            accounts=accounts,
            passing_time=PassingTime(simulator.workspace, clock, database),
            bot=bot,
            durations=durations,
            reset=reset,
        )
        page = simulator.demo
        page.commands = list_lines(load_commands(commands))
        page.describe_person = PersonDescriber(accounts, database).describe
        page.actions.update(actions.list_buttons())
        try:
            yield
        finally:
            page.actions.clear()


class PersonDescriber:
    """Tells what the page's suggestions to a person depend on."""

    def __init__(self, accounts: Accounts, database: Database) -> None:
        self._accounts: Final = accounts
        self._schedules: Final = ScheduleStore(database)
        self._subscriptions: Final = AlertSubscriptions(database)

    async def describe(self, user: User) -> Document:
        """Return whether the user is connected, has scheduled reports, and has alerts."""
        return {
            "isConnected": await self._accounts.load(user.id) is not None,
            "hasReports": await self._schedules.load(user.id) is not None,
            "hasAlerts": await self._subscriptions.load(user.id) is not None,
        }


class DemoActions:
    """Does one action at a time; the next one ends the trouble that an earlier one has begun."""

    def __init__(
        self,
        *,
        simulator: Simulator,
        accounts: Accounts,
        passing_time: PassingTime,
        bot: RestartableBot,
        durations: Durations,
        reset: Callable[[], None],
    ) -> None:
        self._simulator: Final = simulator
        self._accounts: Final = accounts
        self._passing_time: Final = passing_time
        self._bot: Final = bot
        self._durations: Final = durations
        self._reset: Final = reset
        self._lock: Final = asyncio.Lock()
        self._is_next_waiting: Final = asyncio.Event()
        self._waiting = 0

    def list_buttons(self) -> dict[str, DemoAction]:
        """Return the buttons by name, in the order in which the page shows them."""
        time = self._passing_time
        return {
            "next-report": self._make_button(
                "Next report", "Let time pass until the next report is due", time.pass_to_report
            ),
            "attack": self._make_button(
                "An attacker signs in", "Sign in as you, from a device you do not have", time.attack
            ),
            "cut-network": self._make_button(
                "Cut the network", "Cut the bot off from the workspace", self._cut_network
            ),
            "restart-bot": self._make_button(
                "Restart the bot", "Stop the bot, and start it again", self._restart_bot
            ),
            "revoke-token": self._make_button(
                "Revoke the token", "Remove the token that you gave the bot", self._revoke_token
            ),
            "use-up-limit": self._make_button(
                "Use up the rate limit", "Let the workspace be busy with others", self._use_up_limit
            ),
            "reset": self._make_button(
                "Reset", "Start again from the first state", self._start_again
            ),
        }

    def _make_button(self, label: str, hint: str, run: Callable[[User], Results]) -> DemoAction:
        async def run_alone(user: User) -> Results:
            self._waiting += 1
            self._is_next_waiting.set()
            async with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._is_next_waiting.clear()
                async with aclosing(run(user)) as results:
                    async for result in results:
                        yield result

        return DemoAction(label, hint, run_alone)

    async def _cut_network(self, _user: User) -> Results:
        seconds = self._durations.cut_s
        async with self._simulator.outage(Outage.SILENT, _BOT_AGENT):
            yield {
                "message": f"The bot is cut off from the workspace for {seconds:.0f} seconds. What "
                "you ask now is answered afterwards.",
                "suggestion": "!sessions",
            }
            await self._pause(seconds)
        yield {"message": "The network is back. The bot reads what it missed, and answers."}

    async def _restart_bot(self, _user: User) -> Results:
        seconds = self._durations.stopped_s
        yield {"message": "The bot finishes what it is doing, and stops…", "isBusy": True}
        try:
            await self._bot.stop()
            yield {
                "message": f"The bot is stopped for {seconds:.0f} seconds. What you ask now is "
                "answered when it runs again.",
                "suggestion": "!sessions",
            }
            await self._pause(seconds)
        finally:
            self._bot.start()
        await self._bot.is_listening.wait()
        yield {"message": "The bot runs again, and still knows who is connected."}

    async def _revoke_token(self, user: User) -> Results:
        delegated = await self._accounts.load_token(user.id)
        if delegated is None:
            yield _ask_to_connect("The bot has no token of yours.")
            return
        if delegated.token.is_bearer:
            self._simulator.workspace.oauth.revoke(user)
        else:
            self._simulator.workspace.revoke_token(delegated.token.secret.get_secret_value())
        yield {
            "message": "The token that you gave the bot is revoked. Ask: the bot notices, and "
            "invites you to connect again.",
            "suggestion": "!sessions",
        }

    async def _use_up_limit(self, user: User) -> Results:
        if await self._accounts.load(user.id) is None:
            yield _ask_to_connect("The bot needs your token before it can be made to wait.")
            return
        seconds = self._durations.limited_s
        for route in _LIMITED_ROUTES:
            self._simulator.limits.use_up(route, seconds)
        yield {
            "message": f"For {seconds:.0f} seconds the workspace is too busy to list sessions. "
            "Ask: the bot says how long you wait.",
            "suggestion": "!sessions",
        }
        await self._pause(seconds)
        yield {"message": "The workspace takes questions again. What waited is answered."}

    async def _start_again(self, _user: User) -> Results:
        yield {"message": "Everything is as it was at the start.", "isReset": True}
        self._reset()

    async def _pause(self, seconds: float) -> None:
        """Wait, until the next action begins at the latest."""
        async with asyncio.TaskGroup() as tasks:
            passing = tasks.create_task(self._durations.sleep(seconds))
            waiting = tasks.create_task(self._is_next_waiting.wait())
            await asyncio.wait((passing, waiting), return_when=asyncio.FIRST_COMPLETED)
            passing.cancel()
            waiting.cancel()


def _ask_to_connect(reason: str) -> Document:
    return {"message": f"{reason} First connect:", "suggestion": "!connect"}
