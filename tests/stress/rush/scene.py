"""A workspace full of people who have connected, and the bot's database with their accounts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from pydantic import SecretStr

from bot.app import open_vault
from bot.config import VaultSettings
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.reports.schedule_rules import find_offset
from bot.features.reports.store import Schedule, ScheduleStore
from bot.models import AuthToken
from bot.storage.database import Database, open_database
from rocketchat_simulator import Room, Simulator, User
from rocketchat_simulator.demo.devices import CHROME_WINDOWS, FIREFOX_WINDOWS
from tests.support.message_ids import plant_message_id_key
from tests.support.programs import write_config
from tests.support.stage import KEY, Stage, open_stage

_CHUNK = 100


@dataclass(frozen=True)
class ConnectedUser:
    """Somebody whose token the bot has."""

    user: User
    token: str


@dataclass(frozen=True)
class Scene:
    """The workspace, those whose reports are due, and those who ask."""

    stage: Stage
    config: Path
    due: Sequence[ConnectedUser]
    askers: Sequence[ConnectedUser]
    database: Database

    def find_room(self, each: ConnectedUser) -> Room:
        """Return somebody's direct message with the bot."""
        return self.stage.simulator.workspace.direct_room(each.user, self.stage.people.bot)

    async def schedule_reports(self, due_at: datetime) -> None:
        """Make everybody's report due then; each starts at its place in the window."""
        rule = f"daily {due_at:%H:%M}"
        schedules = [_make_schedule(each.user, rule, due_at) for each in self.due]
        store = ScheduleStore(self.database)
        for start in range(0, len(schedules), _CHUNK):
            chunk = schedules[start : start + _CHUNK]
            await asyncio.gather(*(store.save(schedule) for schedule in chunk))

    def revoke_tokens(self, share: float, random: Random) -> None:
        """Let the workspace forget the tokens of this share of people."""
        for each in random.sample(self.due, round(share * len(self.due))):
            self.stage.simulator.workspace.revoke_token(each.token)


@asynccontextmanager
async def open_scene(folder: Path, storage_url: str, due: int, asking: int) -> AsyncIterator[Scene]:
    """Open a workspace that limits no calls, with so many connected people."""
    vault = VaultSettings(keys=(KEY,))
    async with open_stage(
        folder, bots=0, is_limited=False, storage_url=storage_url, vault=vault
    ) as stage:
        settings = stage.settings
        await plant_message_id_key(settings)
        async with open_database(settings.storage.url) as database:
            scene = Scene(
                stage=stage,
                config=write_config(folder / "bot.toml", settings),
                due=[_make_person(stage.simulator, f"due{number}") for number in range(due)],
                askers=[
                    _make_person(stage.simulator, f"asker{number}") for number in range(asking)
                ],
                database=database,
            )
            accounts = Accounts(database, await open_vault(database, settings))
            # So long ago that nobody is told of it any more.
            connected_at = stage.simulator.workspace.now() - timedelta(days=30)
            await _save_accounts(accounts, [*scene.due, *scene.askers], connected_at)
            yield scene


def _make_person(simulator: Simulator, name: str) -> ConnectedUser:
    workspace = simulator.workspace
    user = workspace.add_user(name, language="en", utc_offset=0)
    for device, ip in ((CHROME_WINDOWS, "192.0.2.7"), (FIREFOX_WINDOWS, "203.0.113.7")):
        token = workspace.make_login_token(user)
        workspace.open_session(user, token=token, device=device, ip=ip)
    return ConnectedUser(user, workspace.make_personal_access_token(user, "session bot"))


async def _save_accounts(
    accounts: Accounts, people: Sequence[ConnectedUser], connected_at: datetime
) -> None:
    async def save(each: ConnectedUser) -> None:
        account = ConnectedAccount(
            each.user.id, each.user.username, "personal_access_token", connected_at, "en", 0.0
        )
        await accounts.save(account, AuthToken(each.user.id, SecretStr(each.token)))

    for start in range(0, len(people), _CHUNK):
        await asyncio.gather(*(save(each) for each in people[start : start + _CHUNK]))


def _make_schedule(user: User, rule: str, due_at: datetime) -> Schedule:
    return Schedule(
        user_id=user.id,
        rule=rule,
        next_at=due_at,
        start_at=due_at + find_offset(user.id, due_at),
        utc_offset=0.0,
    )
