import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.alerts.known_devices import KEPT, KnownDevice, KnownDevices
from bot.features.alerts.store import AlertSubscription, AlertSubscriptions
from bot.features.sessions.devices import DeviceSnapshot
from bot.models import Device, OperatingSystem
from bot.storage.database import open_database
from tests.support.stored import add_accounts

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIREFOX = DeviceSnapshot(
    Device("browser", "Firefox", "131.0", os=OperatingSystem("Windows", "10")), "203.0.113.0/24"
)
NEWER = DeviceSnapshot(
    Device("browser", "Firefox", "132.0", os=OperatingSystem("Windows", "10")), "203.0.113.0/24"
)
PHONE = DeviceSnapshot(Device("mobile-app", "RC Mobile", "4.52"), "")


@pytest.fixture
async def known_devices(storage_url: str) -> AsyncIterator[KnownDevices]:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann", "bob")
        yield KnownDevices(database)


@pytest.fixture
async def subscriptions(storage_url: str) -> AsyncIterator[AlertSubscriptions]:
    async with open_database(storage_url) as database:
        await add_accounts(database, "ann", "bob")
        yield AlertSubscriptions(database)


async def test_a_device_is_loaded_as_it_was_saved(known_devices: KnownDevices) -> None:
    await known_devices.save_for_alerts("ann", {"f": FIREFOX}, NOW)
    assert await known_devices.load("ann") == {"f": KnownDevice(FIREFOX, NOW, NOW, True, None)}  # noqa: FBT003
    assert await known_devices.load("bob") == {}


async def test_a_check_does_not_hide_an_update_from_the_next_report(
    known_devices: KnownDevices,
) -> None:
    await known_devices.save_report("ann", {"f": FIREFOX}, NOW)
    await known_devices.save_for_alerts("ann", {"f": NEWER}, NOW + HOUR)
    found = (await known_devices.load("ann"))["f"]
    assert found == KnownDevice(FIREFOX, NOW, NOW + HOUR, True, NOW)  # noqa: FBT003
    await known_devices.save_report("ann", {"f": NEWER}, NOW + 2 * HOUR)
    found = (await known_devices.load("ann"))["f"]
    assert found == KnownDevice(NEWER, NOW, NOW + 2 * HOUR, True, NOW + 2 * HOUR)  # noqa: FBT003


async def test_a_report_replaces_the_one_before(known_devices: KnownDevices) -> None:
    await known_devices.save_for_alerts("ann", {"p": PHONE}, NOW)
    await known_devices.save_report("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    await known_devices.save_report("ann", {}, NOW + HOUR)
    left = await known_devices.load("ann")
    # The browser is in no report and no alert any more, the phone still in alerts.
    assert left == {"p": KnownDevice(PHONE, NOW, NOW, True, None)}  # noqa: FBT003


async def test_the_end_of_alerts_deletes_what_only_they_knew(known_devices: KnownDevices) -> None:
    await known_devices.save_for_alerts("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    await known_devices.save_report("ann", {"f": FIREFOX}, NOW)
    await known_devices.delete_for_alerts("ann")
    assert await known_devices.load("ann") == {"f": KnownDevice(FIREFOX, NOW, NOW, False, NOW)}  # noqa: FBT003


async def test_devices_that_were_not_seen_for_long_are_deleted(known_devices: KnownDevices) -> None:
    await known_devices.save_for_alerts("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    later = NOW + KEPT + MINUTE
    await known_devices.save_for_alerts("ann", {"p": PHONE}, later)
    assert set(await known_devices.load("ann")) == {"p"}


async def test_what_was_announced_stays_so(known_devices: KnownDevices) -> None:
    both = {"f": FIREFOX, "p": PHONE}
    await known_devices.save_for_alerts("ann", both, NOW, {"p"})
    await known_devices.save_for_alerts("ann", both, NOW + HOUR)
    await known_devices.save_report("ann", both, NOW + HOUR)
    known = await known_devices.load("ann")
    assert {key: each.announced_at for key, each in known.items()} == {"f": None, "p": NOW}
    await known_devices.save_report("ann", both, NOW + HOUR, {"f"})
    assert (await known_devices.load("ann"))["f"].announced_at == NOW + HOUR


async def test_a_check_that_is_due_is_taken_once(subscriptions: AlertSubscriptions) -> None:
    for number, name in enumerate(("ann", "bob")):
        await subscriptions.save(AlertSubscription(name, NOW, NOW + number * MINUTE))
    assert await subscriptions.count() == 2

    async def take(now: datetime) -> str | None:
        subscription = await subscriptions.take(now=now, next_check_at=now + HOUR)
        return subscription.user_id if subscription else None

    assert await take(NOW - MINUTE) is None
    taken = await asyncio.gather(*(take(NOW + MINUTE) for _ in range(5)))
    assert sorted(filter(None, taken)) == ["ann", "bob"]
    assert await take(NOW + HOUR) is None
    assert await take(NOW + HOUR + MINUTE) == "ann"


async def test_switching_alerts_on_again_changes_nothing(subscriptions: AlertSubscriptions) -> None:
    subscription = AlertSubscription("ann", NOW, NOW + HOUR)
    await subscriptions.save(subscription)
    await subscriptions.save(AlertSubscription("ann", NOW + HOUR, NOW + 9 * HOUR))
    assert await subscriptions.load("ann") == subscription
    await subscriptions.save_problem("ann", "no licence")
    found = await subscriptions.load("ann")
    assert found is not None
    assert found.problem == "no licence"
    assert await subscriptions.delete("ann")
    assert not await subscriptions.delete("ann")
    assert await subscriptions.load("ann") is None
