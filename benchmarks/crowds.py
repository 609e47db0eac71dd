"""What our bot's database holds before it starts, beyond the people of the workspace."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import insert

from benchmarks.place.plan import Site
from bot.app import open_vault
from bot.config import load_settings
from bot.features.accounts.store import seal_pair
from bot.features.reports.store import Schedule, ScheduleStore
from bot.models import TokenPair
from bot.storage.database import open_database
from bot.storage.tables import accounts

_LIFETIME = timedelta(days=40)
_REFRESHED_WITHIN = timedelta(days=13)  # they were renewed in the last so many days, so none is due


async def connect_strangers(config: Path, count: int) -> None:
    """Store so many connected accounts more, each with a sealed pair of tokens over OAuth."""
    settings, now = load_settings(config), datetime.now(UTC)
    async with open_database(settings.storage.url) as database:
        vault = await open_vault(database, settings)
        rows = []
        for number in range(count):
            refreshed_at = now - _REFRESHED_WITHIN * (number / count)
            pair = TokenPair(
                SecretStr(f"{number:043}"), SecretStr(f"{number:043}"), now + _LIFETIME
            )
            rows.append(
                {
                    "user_id": f"stranger{number:09}",
                    "username": f"stranger.{number}",
                    "kind": "oauth",
                    "connected_at": now - _LIFETIME,
                    "language": "en",
                    "utc_offset": 1.0,
                    "zone": "",
                    "told_at": now - _LIFETIME,
                    "dead_since": None,
                }
                | seal_pair(vault, f"stranger{number:09}", pair, refreshed_at)
            )
        await database.write(lambda connection: connection.execute(insert(accounts), rows))


async def make_reports_due(config: Path, site: Site) -> None:
    """Let everybody's daily report be due now, at once; of itself the bot spreads them."""
    now = datetime.now(UTC)
    async with open_database(load_settings(config).storage.url) as database:
        schedules = ScheduleStore(database)
        for person in site.people:
            await schedules.save(Schedule(person.user_id, "daily 09:00", now, now))
