"""Alerts: checking for devices that were never seen before, with the person's own token."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from bot.errors import Call, UsageError
from bot.features.accounts.audit import AuditAction
from bot.features.alerts.known_devices import KnownDevices
from bot.features.alerts.store import AlertSubscription, AlertSubscriptions
from bot.features.sessions.devices import DeviceSessions, make_device_key, make_snapshots
from bot.features.sessions.sessions import Sessions
from bot.models import Session
from bot.storage.database import Database

MIN_CHECKS_PER_MINUTE: Final = 4
"""Of all people together, as long as the workspace allows at least the ten calls of a new one."""

_MAX_CHECKS_PER_MINUTE: Final = 240
_CHECKS_SHARE: Final = 0.4  # of the calls that the workspace allows

MIN_INTERVAL: Final = timedelta(minutes=5)
MIN_PAUSE: Final = timedelta(minutes=1)
"""Between two checks of somebody who comes online again and again."""

_SAVE_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """A person's alerts: since when, how often devices are checked, how many are known.

    ``accepted`` are the devices that have just been accepted as known, numbered from 1.
    """

    since: datetime
    interval: timedelta
    known: int
    accepted: tuple[DeviceSessions, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """All devices, numbered from 1, and the numbers of new ones.

    ``needs_saving`` is false where everything about them is stored already.
    """

    devices: tuple[DeviceSessions, ...]
    new: tuple[int, ...]
    needs_saving: bool


def find_pace(rate: float) -> int:
    """Return the checks a minute of all people together.

    ``rate`` is how many lists of sessions a minute the workspace allows, and may be infinite.
    """
    return max(MIN_CHECKS_PER_MINUTE, int(min(_CHECKS_SHARE * rate, _MAX_CHECKS_PER_MINUTE)))


def find_interval(subscriptions: int, pace: int) -> timedelta:
    """Return the time between two checks of a person, in whole minutes; ``pace`` is for all."""
    return max(MIN_INTERVAL, timedelta(minutes=ceil(subscriptions / pace)))


class Alerts:
    """Remembers the devices of those who subscribed, and finds new ones.

    A device is program, operating system and network together; neither a reconnect nor an update
    makes it another one. ``has_changed`` is set where somebody has turned alerts on or off.
    ``online`` are the ids of people who have come online: they are checked before others.
    ``find_rate`` returns how many lists of sessions a minute the workspace allows.
    """

    def __init__(
        self,
        sessions: Sessions,
        database: Database,
        now: Callable[[], datetime],
        find_rate: Callable[[], float],
    ) -> None:
        self._sessions: Final = sessions
        self._find_rate: Final = find_rate
        self._known_devices: Final = KnownDevices(database)
        self.subscriptions: Final = AlertSubscriptions(database)
        self._now: Final = now
        self.has_changed: Final = asyncio.Event()
        self.online: Final[set[str]] = set()

    async def turn_on(self, user_id: str) -> AlertStatus:
        """Remember the present devices, and check for others from now on; save their numbers.

        Raises NotConnectedError, NotLicensedError, WorkspaceError; then nothing has changed.
        """
        accepted: tuple[DeviceSessions, ...] = ()
        if await self.subscriptions.load(user_id) is None:
            check = await self.check(user_id)
            accepted = check.devices
            await self.save(user_id, replace(check, new=()))
            await self._sessions.save_numbers(user_id, accepted)
            now = self._now()
            next_check_at = now + await self._load_interval(more=1)
            await self.subscriptions.save(AlertSubscription(user_id, now, next_check_at))
            self.has_changed.set()
        status = await self.load_status(user_id)
        status = status or AlertStatus(self._now(), MIN_INTERVAL, 0)
        return replace(status, accepted=accepted)

    async def turn_off(self, user_id: str) -> bool:
        """Stop checking and delete what only alerts remember; false where alerts were off."""
        was_on = await self.subscriptions.delete(user_id)
        self.has_changed.set()
        await self._known_devices.delete_for_alerts(user_id)
        return was_on

    async def load_status(self, user_id: str) -> AlertStatus | None:
        """Return the status of the person's alerts; None where they are off."""
        subscription = await self.subscriptions.load(user_id)
        if subscription is None:
            return None
        known = await self._known_devices.load(user_id)
        return AlertStatus(
            subscription.since,
            await self._load_interval(),
            sum(each.is_known_to_alerts for each in known.values()),
        )

    async def take_due(self) -> AlertSubscription | None:
        """Return the subscription that is longest due, if any; no other process gets it too.

        None, too, while somebody waits who has come online.
        """
        if self.online:
            return None
        now = self._now()
        interval = await self._load_interval()
        return await self.subscriptions.take(now=now, next_check_at=now + interval)

    async def bring_back(self) -> int:
        """Let checks that were put off while the clock was ahead be due; return how many."""
        now = self._now()
        interval = await self._load_interval()
        return await self.subscriptions.bring_back(now=now, latest=now + interval)

    async def take_online(self, user_id: str) -> AlertSubscription | None:
        """Return the subscription of somebody who came online; no other process gets it too.

        None where there is none. After less than a minute since the last check also None: then
        the next check is due at the end of the minute.
        """
        now = self._now()
        next_check_at = now + await self._load_interval()
        taken = await self.subscriptions.take_now(
            user_id, before=next_check_at - MIN_PAUSE, next_check_at=next_check_at
        )
        if taken is None:
            await self.subscriptions.check_by(user_id, now + MIN_PAUSE)
        return taken

    async def check(self, user_id: str, *, is_background: bool = False) -> AlertCheck:
        """Fetch the devices and find the new ones; those that the person named are never new.

        ``is_background`` lets the calls of people go first.
        Raises NotConnectedError, NotLicensedError, WorkspaceError.
        """
        devices = await self._sessions.fetch_devices(
            user_id, is_fresh=True, is_background=is_background, action=AuditAction.CHECKED
        )
        known = {
            key: each.last_seen_at
            for key, each in (await self._known_devices.load(user_id)).items()
            if each.is_known_to_alerts
        }
        keys = [make_device_key(device.newest) for device in devices]
        new = tuple(
            number
            for number, (key, device) in enumerate(zip(keys, devices, strict=True), 1)
            if key not in known and not device.name
        )
        stale = self._now() - _SAVE_EVERY
        needs_saving = any(key not in known or known[key] < stale for key in keys)
        return AlertCheck(devices, new, needs_saving)

    async def save(self, user_id: str, check: AlertCheck) -> None:
        """Remember the devices, which are then no longer new, and which ones were announced."""
        if check.needs_saving:
            announced = {make_device_key(check.devices[number - 1].newest) for number in check.new}
            await self._known_devices.save_for_alerts(
                user_id, make_snapshots(check.devices), self._now(), announced
            )

    async def accept(self, user_id: str, session: Session) -> bool:
        """Take the session's device for the person's own; return false where it was so already.

        Raises UsageError where neither alerts nor a report know of it.
        """
        key = make_device_key(session)
        before = (await self._known_devices.load(user_id)).get(key)
        is_announced = before is not None and before.announced_at is not None
        if await self.subscriptions.load(user_id) is not None:
            snapshots = make_snapshots([DeviceSessions((session,))])
            await self._known_devices.save_for_alerts(user_id, snapshots, self._now())
        elif not is_announced:
            raise UsageError(
                "Alerts are off, so no device counts as new. {on} counts the devices that you "
                "have then as yours, and tells you of others.",
                on=Call("alerts on"),
            )
        await self._known_devices.clear_announced(user_id, key)
        return is_announced or before is None or not before.is_known_to_alerts

    async def load_announced(self, user_id: str) -> frozenset[str]:
        """Return the keys of the devices that alerts or reports have told of as new."""
        known = await self._known_devices.load(user_id)
        return frozenset(key for key, each in known.items() if each.announced_at)

    @property
    def pace(self) -> int:
        """The periodic checks a minute, as ``find_pace`` returns them."""
        return find_pace(self._find_rate())

    async def _load_interval(self, more: int = 0) -> timedelta:
        return find_interval(await self.subscriptions.count() + more, self.pace)
