"""A workspace full of people who have connected, and the bot's database as they left it."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from pydantic import SecretStr

from bot.app import open_vault
from bot.config import load_settings
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.schedule_rules import find_place
from bot.features.reports.store import Schedule, ScheduleStore
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from bot.storage.vault import Vault
from rocketchat_simulator import Simulator, User
from rocketchat_simulator.demo.devices import CHROME_WINDOWS, FIREFOX_WINDOWS
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.stress.rush.programs import write_config

_CHUNK = 100


@dataclass(frozen=True)
class Connected:
    """Somebody who lent the bot a token."""

    user: User
    token: str


@dataclass(frozen=True)
class Scene:
    """Who there is: those whose reports are due, and those who ask."""

    simulator: Simulator
    people: DemoPeople
    config: Path
    due: Sequence[Connected]
    askers: Sequence[Connected]
    database: Database
    vault: Vault

    async def plan_reports(self, due_at: datetime) -> None:
        """Let everybody's report be due then; each is started at its place in the window."""
        rule = f"daily {due_at:%H:%M}"
        plans = [_plan(each.user, rule, due_at) for each in self.due]
        for start in range(0, len(plans), _CHUNK):
            chunk = plans[start : start + _CHUNK]
            await asyncio.gather(*(ScheduleStore(self.database).save(plan) for plan in chunk))

    def kill_tokens(self, share: float, random: Random) -> set[str]:
        """Let the workspace forget some people's tokens; give whose."""
        chosen = random.sample(self.due, round(share * len(self.due)))
        for each in chosen:
            self.simulator.workspace.revoke_token(each.token)
        return {each.user.id for each in chosen}


@asynccontextmanager
async def open_scene(folder: Path, database: str, due: int, asking: int) -> AsyncIterator[Scene]:
    """Open it; no call is limited there, as an administrator may set it."""
    async with Simulator(is_limited=False) as simulator:
        people = seed(simulator.workspace)
        config, key = folder / "bot.toml", base64.urlsafe_b64encode(os.urandom(32)).decode()
        write_config(config, simulator.url, people, database, key)
        settings = load_settings(config)
        async with open_database(settings.storage.url) as opened:
            scene = Scene(
                simulator=simulator,
                people=people,
                config=config,
                due=[_connect(simulator, f"due{number}") for number in range(due)],
                askers=[_connect(simulator, f"asker{number}") for number in range(asking)],
                database=opened,
                vault=await open_vault(opened, settings),
            )
            for each in scene.askers:
                simulator.workspace.direct_room(each.user, people.bot)
            await _save_accounts(scene)
            yield scene


def _connect(simulator: Simulator, name: str) -> Connected:
    workspace = simulator.workspace
    user = workspace.add_user(name, language="en", utc_offset=0)
    for device, ip in ((CHROME_WINDOWS, "192.0.2.7"), (FIREFOX_WINDOWS, "203.0.113.7")):
        token = workspace.make_login_token(user)
        workspace.open_session(user, token=token, device=device, ip=ip)
    return Connected(user, workspace.make_personal_access_token(user, "session bot"))


async def _save_accounts(scene: Scene) -> None:
    # Long enough ago that nobody is told of it any more.
    at = scene.simulator.workspace.now() - timedelta(days=30)
    everybody = [*scene.due, *scene.askers]
    for start in range(0, len(everybody), _CHUNK):
        await asyncio.gather(
            *(
                Accounts(scene.database, scene.vault).save(
                    ConnectedAccount(
                        each.user.id, each.user.username, "personal_access_token", at, "en", 0.0
                    ),
                    AuthToken(each.user.id, SecretStr(each.token)),
                )
                for each in everybody[start : start + _CHUNK]
            )
        )


def _plan(user: User, rule: str, due_at: datetime) -> Schedule:
    return Schedule(
        user_id=user.id,
        username=user.username,
        rule=rule,
        next_at=due_at,
        start_at=due_at + find_place(user.id),
        utc_offset=0.0,
    )
