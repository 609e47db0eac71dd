import pytest

from bot.features.sessions.device_names import format_device, format_ip
from bot.formatting.locale import UserLocale
from bot.models import Device, OperatingSystem, Session


def device(kind: str, name: str, version: str, system: str = "", release: str = "") -> Device:
    return Device(kind, name, version, version, OperatingSystem(system, release))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (device("browser", "Chrome", "113.0.0", "Windows", "10"), "Chrome 113 on Windows 10 or 11"),
        (device("browser", "Firefox", "131.0", "Windows", "7"), "Firefox 131 on Windows 7"),
        (
            device("", "Chrome", "129.0.0", "Mac OS", "10.15.7"),
            "Chrome 129 on macOS 10.15 or later",
        ),
        (device("browser", "Safari", "12.1", "Mac OS", "10.14.6"), "Safari 12 on macOS 10.14"),
        (device("browser", "Firefox", "131.0", "Linux", "x86_64"), "Firefox 131 on Linux"),
        (device("browser", "Firefox", "131.0", "Ubuntu"), "Firefox 131 on Ubuntu"),
        (device("mobile", "Chrome", "129.0", "Android", "10"), "Chrome 129 on Android 10 or later"),
        (device("mobile", "Firefox", "131.0", "Android", "14"), "Firefox 131 on Android 14"),
        (device("tablet", "Mobile Safari", "17.5", "iOS", "17.5"), "Mobile Safari 17 on iOS 17.5"),
        (
            device("mobile", "Mobile Safari", "26.0", "iOS", "18.6"),
            "Mobile Safari 26 on iOS 26 or later",
        ),
        (
            device("mobile", "Mobile Safari", "26.2", "iOS", "18.7"),
            "Mobile Safari 26 on iOS 26 or later",
        ),
        (
            device("mobile", "Mobile Safari", "18.6", "iOS", "18.6.2"),
            "Mobile Safari 18 on iOS 18.6",
        ),
        (device("mobile", "Firefox", "146.0", "iOS", "18.7"), "Firefox 146 on iOS 18.7 or later"),
        (device("mobile", "Chrome", "125.0", "iOS", "17.5"), "Chrome 125 on iOS 17.5"),
        (device("browser", "Chrome", "129.0", "Chrome OS", "14541.0.0"), "Chrome 129 on ChromeOS"),
        (device("browser", "Chrome", "99.0", "Chromium OS", "14324.80.0"), "Chrome 99 on ChromeOS"),
        (
            device("", "Safari", "17.8", "Mac OS", "10.15.7"),
            "Safari 17 on macOS 10.15 or later, or an iPad",
        ),
        (
            device("", "Safari", "13.1", "Mac OS", "10.15.4"),
            "Safari 13 on macOS 10.15 or later, or an iPad",
        ),
        (
            device("", "Firefox", "131.0", "Mac OS", "10.15"),
            "Firefox 131 on macOS 10.15 or later, or an iPad",
        ),
        (device("", "Edge", "129.0", "macOS", "10.15.7"), "Edge 129 on macOS 10.15 or later"),
        (
            device("desktop-app", "", "", "Mac OS", "10.15.7"),
            "Desktop app on macOS 10.15 or later",
        ),
        (device("", "Firefox", "50.0", "Mac OS", "11.2"), "Firefox 50 on macOS 11.2"),
        (device("browser", "Firefox", "52.0", "Windows", "XP"), "Firefox 52 on Windows XP"),
        (device("browser", "Firefox", "52.0", "Windows", "Vista"), "Firefox 52 on Windows Vista"),
        (device("browser", "Firefox", "52.0", "Windows", "8.1"), "Firefox 52 on Windows 8.1"),
        (device("browser", "Chrome", "130.0", "Windows", "11"), "Chrome 130 on Windows 11"),
        (device("browser", "Firefox", "52.0", "Windows"), "Firefox 52 on Windows"),
        (
            device("browser", "Chrome", "130.0", "Windows", "[x](http://evil.example)"),
            "Chrome 130 on Windows (x)(http:\u2060//evil.\u2060example)",
        ),
        (
            device("desktop-app", "Rocket.Chat", "4.1.0", "Linux", "x86_64"),
            "Rocket.\u2060Chat 4.1 on Linux",
        ),
        (device("desktop-app", "", "", "Windows", "10"), "Desktop app on Windows 10 or 11"),
        (device("mobile-app", "RC Mobile", "4.52.0", "ios"), "iPhone or iPad app 4.52"),
        (
            device("mobile-app", "RC Mobile", "4.52.0", "ios", "18.1"),
            "iPhone or iPad app 4.52 on iOS 18.1",
        ),
        (
            device("mobile-app", "RC Mobile", "4.52.0", "android", "14"),
            "Android app 4.52 on Android 14",
        ),
        (device("mobile-app", "RC Mobile", "4.52.0"), "Mobile app 4.52"),
        (device("other", "", ""), "A script or an unknown app"),
        (Device(), "A script or an unknown app"),
        (device("browser", "", "", "Windows", "10"), "Windows 10 or 11"),
        (device("browser", "", "131.0", "Windows", "10"), "Windows 10 or 11"),
        (device("browser", "Firefox", ""), "Firefox"),
    ],
)
def test_a_device_is_named_as_far_as_it_can_be_known(seen: Device, words: str) -> None:
    assert format_device(seen, UserLocale()) == words


@pytest.mark.parametrize(
    ("ip", "words"),
    [
        ("203.0.113.7", "`203.0.113.7`"),
        ("172.20.0.2", "`172.20.0.2` (private network)"),
        ("192.168.1.4", "`192.168.1.4` (private network)"),
        ("10.0.0.1", "`10.0.0.1` (private network)"),
        ("100.64.3.2", "`100.64.3.2` (private network)"),
        ("172.32.0.1", "`172.32.0.1`"),
        ("::1", "`::1` (private network)"),
        ("fd00::1", "`fd00::1` (private network)"),
        ("::ffff:10.0.0.1", "`::ffff:10.0.0.1` (private network)"),
        ("2001:db8::1", "`2001:db8::1`"),
        ("", "not recorded"),
        ("  ", "not recorded"),
        ("unknown, 10.0.0.1", "`unknown, 10.0.0.1`"),
    ],
)
def test_an_address_is_called_private_where_it_is(ip: str, words: str) -> None:
    assert format_ip(Session("s", ip=ip), UserLocale()) == words
