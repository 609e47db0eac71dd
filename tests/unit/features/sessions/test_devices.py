from datetime import UTC, datetime, timedelta

import pytest

from bot.features.sessions.devices import DeviceSessions, find_own_device, make_device_key
from bot.models import Device, OperatingSystem, Session

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)


def make_device(ip: str, hours_ago: float | None, name: str = "Firefox") -> DeviceSessions:
    at = None if hours_ago is None else NOW - timedelta(hours=hours_ago)
    device = Device("browser", name, "131", os=OperatingSystem("Linux" if name else ""))
    return DeviceSessions((Session(ip, device=device, ip=ip, logged_in_at=at),))


OLD, OLDER = make_device("192.0.2.1", 30), make_device("198.51.100.1", 99)
RECENT, UNDATED = make_device("203.0.113.1", 23), make_device("203.0.113.9", None)
SCRIPT = make_device("198.18.0.1", 99, name="")


@pytest.mark.parametrize(
    ("devices", "announced", "own"),
    [
        ([RECENT, OLD], [RECENT], OLD),
        ([SCRIPT, RECENT, OLD], [RECENT], OLD),
        ([OLD, OLDER], [OLD], OLDER),
        ([RECENT, OLD], [], None),  # the asker may have reconnected today
        ([RECENT, OLD], [OLD], None),
        ([RECENT, UNDATED], [RECENT], None),
        ([OLD, OLDER], [], None),
        ([OLD, OLDER], [OLD, OLDER], None),
        ([SCRIPT, RECENT], [RECENT], None),
        ([], [], None),
    ],
)
def test_only_what_is_certainly_the_askers_is_found(
    devices: list[DeviceSessions], announced: list[DeviceSessions], own: DeviceSessions | None
) -> None:
    keys = {make_device_key(each.newest) for each in announced}
    assert find_own_device(devices, keys, NOW) == own
