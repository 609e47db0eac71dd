"""What the bot keeps about a person: shown, changed and erased as they wish."""

from dataclasses import dataclass
from typing import Final

import structlog

from bot.errors import NotConnectedError
from bot.features.accounts.audit_store import AuditTrail
from bot.features.accounts.link_requests import ConnectionRequests
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.alerts.store import AlertSubscriptions, KnownDevices
from bot.features.confirmations import ConfirmationStore
from bot.features.reports.store import ScheduleStore
from bot.features.sessions.store import DeviceNames, NumberedLists
from bot.storage.inbox import Inbox


@dataclass(frozen=True, slots=True)
class Stores:
    """Where things about people are kept."""

    accounts: Accounts
    requests: ConnectionRequests
    names: DeviceNames
    listings: NumberedLists
    confirmations: ConfirmationStore
    trail: AuditTrail
    schedules: ScheduleStore
    watches: AlertSubscriptions
    sightings: KnownDevices
    inbox: Inbox


@dataclass(frozen=True, slots=True)
class StoredAboutPerson:
    """Everything the bot stores about one person, but the token itself."""

    account: ConnectedAccount | None
    has_open_link: bool
    device_names: tuple[str, ...]
    listed_sessions: int
    audit_records: int
    schedule: str
    has_alerts: bool
    seen_devices: int
    waiting_questions: int


class PersonalData:
    """A person's settings, and their right to see and erase what is stored."""

    def __init__(self, memory: Stores) -> None:
        self._memory: Final = memory

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Keep the time zone; raise NotConnectedError for somebody the bot does not know."""
        if await self._memory.accounts.load(user_id) is None:
            raise NotConnectedError("I can keep your time zone once you are connected.")
        await self._memory.accounts.save_zone(user_id, zone)

    async def show(self, user_id: str) -> StoredAboutPerson:
        """Collect everything that is stored about the person."""
        names = await self._memory.names.load(user_id)
        listing = await self._memory.listings.load(user_id)
        schedule = await self._memory.schedules.load(user_id)
        return StoredAboutPerson(
            account=await self._memory.accounts.load(user_id),
            has_open_link=await self._memory.requests.has_open(user_id),
            device_names=tuple(sorted(names.values())),
            listed_sessions=sum(map(len, listing)),
            audit_records=await self._memory.trail.count(user_id),
            schedule=schedule.rule if schedule else "",
            has_alerts=await self._memory.watches.load(user_id) is not None,
            seen_devices=len(await self._memory.sightings.load(user_id)),
            waiting_questions=await self._memory.inbox.count_waiting(user_id),
        )

    async def forget(self, user_id: str) -> None:
        """Erase everything about the person."""
        await self._memory.accounts.delete(user_id)
        await self._memory.requests.delete(user_id)
        await self._memory.names.delete_all(user_id)
        await self._memory.listings.delete(user_id)
        await self._memory.confirmations.delete(user_id)
        await self._memory.schedules.delete(user_id)
        await self._memory.watches.delete(user_id)
        await self._memory.sightings.delete(user_id)
        await self._memory.inbox.forget(user_id)
        await self._memory.trail.delete(user_id)
        # In the log only: the trail in the database belongs to what is erased.
        structlog.get_logger("audit").info("forgotten", user_id=user_id)
