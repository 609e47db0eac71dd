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
from bot.storage.database import Database
from bot.storage.inbox import Inbox
from bot.storage.vault import Vault


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

    def __init__(self, database: Database, vault: Vault) -> None:
        self._accounts: Final = Accounts(database, vault)
        self._link_requests: Final = ConnectionRequests(database)
        self._device_names: Final = DeviceNames(database)
        self._numbered_lists: Final = NumberedLists(database)
        self._confirmations: Final = ConfirmationStore(database)
        self._audit_trail: Final = AuditTrail(database)
        self._schedules: Final = ScheduleStore(database)
        self._alert_subscriptions: Final = AlertSubscriptions(database)
        self._known_devices: Final = KnownDevices(database)
        self._inbox: Final = Inbox(database)

    async def save_zone(self, user_id: str, zone: str) -> None:
        """Keep the time zone; raise NotConnectedError for somebody the bot does not know."""
        if await self._accounts.load(user_id) is None:
            raise NotConnectedError("I can keep your time zone once you are connected.")
        await self._accounts.save_zone(user_id, zone)

    async def show(self, user_id: str) -> StoredAboutPerson:
        """Collect everything that is stored about the person."""
        names = await self._device_names.load(user_id)
        listing = await self._numbered_lists.load(user_id)
        schedule = await self._schedules.load(user_id)
        return StoredAboutPerson(
            account=await self._accounts.load(user_id),
            has_open_link=await self._link_requests.has_open(user_id),
            device_names=tuple(sorted(names.values())),
            listed_sessions=sum(map(len, listing)),
            audit_records=await self._audit_trail.count(user_id),
            schedule=schedule.rule if schedule else "",
            has_alerts=await self._alert_subscriptions.load(user_id) is not None,
            seen_devices=len(await self._known_devices.load(user_id)),
            waiting_questions=await self._inbox.count_waiting(user_id),
        )

    async def forget(self, user_id: str) -> None:
        """Erase everything about the person."""
        await self._accounts.delete(user_id)
        await self._link_requests.delete(user_id)
        await self._device_names.delete_all(user_id)
        await self._numbered_lists.delete(user_id)
        await self._confirmations.delete(user_id)
        await self._schedules.delete(user_id)
        await self._alert_subscriptions.delete(user_id)
        await self._known_devices.delete(user_id)
        await self._inbox.forget(user_id)
        await self._audit_trail.delete(user_id)
        # In the log only: the trail in the database belongs to what is erased.
        structlog.get_logger("audit").info("forgotten", user_id=user_id)
