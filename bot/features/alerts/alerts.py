"""Looking out for devices that were never seen before, in a person's name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from bot.features.accounts.audit import AuditAction
from bot.features.alerts.known_devices import KnownDevices
from bot.features.alerts.store import AlertSubscription, AlertSubscriptions
from bot.features.sessions.devices import DeviceSessions, make_device_key, make_snapshots
from bot.features.sessions.sessions import Sessions
from bot.models import Sender

CHECKS_PER_MINUTE: Final = 4
"""Of all people together: less than half of the ten calls a minute that a workspace allows."""

SHORTEST_INTERVAL: Final = timedelta(minutes=5)
_REFRESHED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """A person's alerts: since when, how often somebody looks, how many devices are known."""

    since: datetime
    interval: timedelta
    known: int


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """What a look found: all devices, the first being number 1, and the numbers of new ones."""

    devices: tuple[DeviceSessions, ...]
    new: tuple[int, ...]
    is_worth_keeping: bool


def find_interval(watches: int) -> timedelta:
    """Return the time between two looks at the same person, in whole minutes."""
    return max(SHORTEST_INTERVAL, timedelta(minutes=ceil(watches / CHECKS_PER_MINUTE)))


class Alerts:
    """Knows the devices of those who asked for it, and notices new ones.

    A device is program, system and network together; neither a reconnect nor an update of the
    program makes it another one.
    """

    def __init__(
        self,
        sessions: Sessions,
        sightings: KnownDevices,
        watches: AlertSubscriptions,
        now: Callable[[], datetime],
    ) -> None:
        self._sessions: Final = sessions
        self._sightings: Final = sightings
        self._watches: Final = watches
        self._now: Final = now

    async def turn_on(self, asker: Sender) -> AlertStatus:
        """Learn the devices that are there, and look out for others from now on.

        Raises NotConnectedError, NotLicensedError, WorkspaceError; then nothing has changed.
        """
        if await self._watches.load(asker.id) is None:
            await self.keep(asker.id, await self.look(asker.id))
            now = self._now()
            interval = find_interval(await self._watches.count() + 1)
            await self._watches.save(
                AlertSubscription(asker.id, asker.username, now, now + interval)
            )
        found = await self.load(asker.id)
        return found or AlertStatus(self._now(), SHORTEST_INTERVAL, 0)

    async def turn_off(self, user_id: str) -> bool:
        """Look no more and forget what was learned; false where alerts were off."""
        was_on = await self._watches.delete(user_id)
        await self._sightings.delete_for_alerts(user_id)
        return was_on

    async def load(self, user_id: str) -> AlertStatus | None:
        """Return how the person's alerts stand; None where they are off."""
        watch = await self._watches.load(user_id)
        if watch is None:
            return None
        sightings = await self._sightings.load(user_id)
        known = sum(each.is_known_to_alerts for each in sightings.values())
        return AlertStatus(watch.since, find_interval(await self._watches.count()), known)

    async def take(self) -> AlertSubscription | None:
        """Return whose turn it is to be looked at, if anybody's; nobody else gets the same."""
        now = self._now()
        interval = find_interval(await self._watches.count())
        return await self._watches.take(now=now, next_check_at=now + interval)

    async def find(self, user_id: str) -> AlertSubscription | None:
        """Return the person's watch; None where alerts are off."""
        return await self._watches.load(user_id)

    async def look(self, user_id: str) -> AlertCheck:
        """Look at the devices; those that have a name of the person's own are never new."""
        devices = await self._sessions.look_at_devices(
            user_id, is_fresh=True, deed=AuditAction.WATCHED
        )
        known = {
            key: each.last_seen_at
            for key, each in (await self._sightings.load(user_id)).items()
            if each.is_known_to_alerts
        }
        keys = [make_device_key(device.newest) for device in devices]
        new = tuple(
            number
            for number, (key, device) in enumerate(zip(keys, devices, strict=True), 1)
            if key not in known and not device.name
        )
        stale = self._now() - _REFRESHED
        is_worth_keeping = any(key not in known or known[key] < stale for key in keys)
        return AlertCheck(devices, new, is_worth_keeping)

    async def number(self, user_id: str, finding: AlertCheck) -> None:
        """Let the numbers mean what the alert shows under them."""
        await self._sessions.number(user_id, finding.devices)

    async def keep(self, user_id: str, finding: AlertCheck) -> None:
        """Remember what was seen, so that it is new no more."""
        if finding.is_worth_keeping:
            await self._sightings.save_for_alerts(
                user_id, make_snapshots(finding.devices), self._now()
            )

    async def save_problem(self, user_id: str, problem: str) -> None:
        """Save why no check succeeds, of which the user knows; empty where checks succeed."""
        await self._watches.save_problem(user_id, problem)
