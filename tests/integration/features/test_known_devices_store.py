import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.features.alerts.store import (
    KEPT,
    AlertSubscription,
    AlertSubscriptions,
    KnownDevice,
    KnownDevices,
)
from bot.features.sessions.devices import DeviceSnapshot
from bot.models import Device, OperatingSystem
from bot.storage.database import open_database

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
async def sightings(storage_url: str) -> AsyncIterator[KnownDevices]:
    async with open_database(storage_url) as database:
        yield KnownDevices(database)


@pytest.fixture
async def watches(storage_url: str) -> AsyncIterator[AlertSubscriptions]:
    async with open_database(storage_url) as database:
        yield AlertSubscriptions(database)


async def test_a_device_comes_back_as_it_was_seen(sightings: KnownDevices) -> None:
    await sightings.watch("ann", {"f": FIREFOX}, NOW)
    assert await sightings.load("ann") == {"f": KnownDevice(FIREFOX, NOW, NOW, True, None)}  # noqa: FBT003
    assert await sightings.load("bob") == {}


async def test_a_look_does_not_hide_an_update_from_the_next_report(sightings: KnownDevices) -> None:
    await sightings.report("ann", {"f": FIREFOX}, NOW)
    await sightings.watch("ann", {"f": NEWER}, NOW + HOUR)
    found = (await sightings.load("ann"))["f"]
    assert found == KnownDevice(FIREFOX, NOW, NOW + HOUR, True, NOW)  # noqa: FBT003
    await sightings.report("ann", {"f": NEWER}, NOW + 2 * HOUR)
    found = (await sightings.load("ann"))["f"]
    assert found == KnownDevice(NEWER, NOW, NOW + 2 * HOUR, True, NOW + 2 * HOUR)  # noqa: FBT003


async def test_a_report_replaces_the_one_before(sightings: KnownDevices) -> None:
    await sightings.watch("ann", {"p": PHONE}, NOW)
    await sightings.report("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    await sightings.report("ann", {}, NOW + HOUR)
    left = await sightings.load("ann")
    # The browser is known to nobody any more, the phone still to alerts.
    assert left == {"p": KnownDevice(PHONE, NOW, NOW, True, None)}  # noqa: FBT003


async def test_the_end_of_alerts_forgets_what_only_they_knew(sightings: KnownDevices) -> None:
    await sightings.watch("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    await sightings.report("ann", {"f": FIREFOX}, NOW)
    await sightings.end_watch("ann")
    assert await sightings.load("ann") == {"f": KnownDevice(FIREFOX, NOW, NOW, False, NOW)}  # noqa: FBT003
    await sightings.delete("ann")
    assert await sightings.load("ann") == {}


async def test_what_was_not_seen_for_long_is_forgotten(sightings: KnownDevices) -> None:
    await sightings.watch("ann", {"f": FIREFOX, "p": PHONE}, NOW)
    later = NOW + KEPT + MINUTE
    await sightings.watch("ann", {"p": PHONE}, later)
    assert set(await sightings.load("ann")) == {"p"}


async def test_a_turn_to_be_looked_at_is_given_once(watches: AlertSubscriptions) -> None:
    for number, name in enumerate(("ann", "bob")):
        await watches.save(AlertSubscription(name, name.title(), NOW, NOW + number * MINUTE))
    assert await watches.count() == 2

    async def take(now: datetime) -> str | None:
        watch = await watches.take(now=now, next_at=now + HOUR)
        return watch.user_id if watch else None

    assert await take(NOW - MINUTE) is None
    taken = await asyncio.gather(*(take(NOW + MINUTE) for _ in range(5)))
    assert sorted(filter(None, taken)) == ["ann", "bob"]
    assert await take(NOW + HOUR) is None
    assert await take(NOW + HOUR + MINUTE) == "ann"


async def test_switching_alerts_on_again_changes_nothing(watches: AlertSubscriptions) -> None:
    watch = AlertSubscription("ann", "Ann", NOW, NOW + HOUR)
    await watches.save(watch)
    await watches.save(AlertSubscription("ann", "Ann", NOW + HOUR, NOW + 9 * HOUR))
    assert await watches.load("ann") == watch
    await watches.note("ann", "no licence")
    found = await watches.load("ann")
    assert found is not None
    assert found.trouble == "no licence"
    assert await watches.delete("ann")
    assert not await watches.delete("ann")
    assert await watches.load("ann") is None
