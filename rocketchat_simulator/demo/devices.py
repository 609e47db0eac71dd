"""Session devices as the workspace stores them; as seen on 6.5.3 and 8.3 with these clients."""

from typing import Final

from rocketchat_simulator.workspace.documents import Document


def _make_device(type_: str, name: str, long_version: str, version: str, os: Document) -> Document:
    return {"type": type_, "name": name, "longVersion": long_version, "version": version, "os": os}


_WINDOWS: Final = {"name": "Windows", "version": "10"}

CHROME_WINDOWS: Final = _make_device("browser", "Chrome", "113.0.0.0", "113.0.0", _WINDOWS)
EDGE_WINDOWS: Final = _make_device("browser", "Edge", "129.0.2792.65", "129.0.2792", _WINDOWS)
FIREFOX_WINDOWS: Final = _make_device("browser", "Firefox", "131.0", "131.0", _WINDOWS)
FIREFOX_LINUX: Final = _make_device(
    "browser", "Firefox", "130.0", "130.0", {"name": "Linux", "version": "x86_64"}
)
DESKTOP_LINUX: Final = _make_device(
    "desktop-app", "Rocket.Chat", "4.1.2", "4.1.2", {"name": "Linux", "version": "x86_64"}
)
MOBILE_APP: Final = _make_device(
    "mobile-app", "RC Mobile", "4.52.0 54321", "4.52.0", {"name": "ios", "version": "17.5.1"}
)
IPAD: Final = _make_device(
    "tablet", "Mobile Safari", "17.5", "17.5", {"name": "iOS", "version": "17.5"}
)
# Of a Mac only the model is known, so the type is empty.
CHROME_MAC: Final = _make_device(
    "", "Chrome", "129.0.0.0", "129.0.0", {"name": "Mac OS", "version": "10.15.7"}
)
SCRIPT: Final = _make_device("other", "", "", "", {"name": "", "version": ""})

UNKNOWN_DEVICES: Final = (
    _make_device("browser", "Opera", "112.0.0.0", "112.0.0", {"name": "Chromium OS"}),
    _make_device(
        "mobile", "Samsung Internet", "25.0", "25.0", {"name": "Android", "version": "14"}
    ),
    _make_device("browser", "Vivaldi", "6.8", "6.8", {"name": "FreeBSD"}),
)
"""Devices that no user of the demo has."""
