"""Parse a client's user agent into the ``device`` of a session row.

Facts as seen on 6.5.3 and 8.3, and server source ``app/statistics/server/lib/SAUMonitor.ts``, 8.3.
"""

import re
from typing import Any, Final

_MOBILE_APP: Final = re.compile(r"^RC Mobile; (\S+) ([^;]+); v([0-9.]+) \((\d+)\)")
_DESKTOP_APP: Final = re.compile(r" Electron/")
_APP_VERSION: Final = re.compile(r"Rocket\.Chat/(\d+(?:\.\d+)*)")
_SHORT_VERSION: Final = re.compile(r"\d+(?:\.\d+){1,2}")

# In this order: Edge and Opera also name Chrome, and Chrome also names Safari.
_BROWSERS: Final = (
    ("Edge", re.compile(r"Edg/([0-9.]+)")),
    ("Opera", re.compile(r"OPR/([0-9.]+)")),
    ("Firefox", re.compile(r"Firefox/([0-9.]+)")),
    ("Chrome", re.compile(r"Chrome/([0-9.]+)")),
    ("Mobile Safari", re.compile(r"Version/([0-9.]+) Mobile/\S+ Safari/")),
    ("Safari", re.compile(r"Version/([0-9.]+) Safari/")),
)
_SYSTEMS: Final = (
    ("iOS", re.compile(r"(?:iPhone|iPad).*? OS ([0-9_]+)")),
    ("Android", re.compile(r"Android ([0-9.]+)")),
    ("Chromium OS", re.compile(r"CrOS \w+ ([0-9.]+)")),
    ("Windows", re.compile(r"Windows NT ([0-9.]+)")),
    ("Mac OS", re.compile(r"Mac OS X ([0-9_.]+)")),
    ("Linux", re.compile(r"Linux ([\w.]+)")),
)

_WINDOWS_NAMES: Final = {
    "10.0": "10",
    "6.3": "8.1",
    "6.2": "8",
    "6.1": "7",
    "6.0": "Vista",
    "5.2": "XP",
    "5.1": "XP",
}

Device = dict[str, Any]
"""``{type, name, longVersion, os: {name, version?}, version}``, as the server stores it."""


def parse_user_agent(text: str, *, has_linux_version: bool) -> Device:
    """Return the device; scripts and bots become ``other`` with empty texts.

    With ``has_linux_version`` the processor is Linux's version, as on 6.5.3 but not on 8.3.
    """
    if match := _MOBILE_APP.search(text):
        system, system_version, version, build = match.groups()
        os = {"name": system, "version": system_version}
        return _make_device("mobile-app", "RC Mobile", f"{version} {build}", os)
    os = _parse_system(text, has_linux_version=has_linux_version)
    if _DESKTOP_APP.search(text):
        return _parse_desktop_app(text, os)
    for name, pattern in _BROWSERS:
        if match := pattern.search(text):
            return _make_device(_parse_type(text), name, match[1], os)
    return _make_device("other", "", "", {"name": "", "version": ""})


def _parse_desktop_app(text: str, os: dict[str, str]) -> Device:
    match = _APP_VERSION.search(text)
    if match is None:
        # A rebranded app is not recognised: ``name`` is missing, the versions are empty.
        return {"type": "desktop-app", "longVersion": "", "os": os, "version": ""}
    return _make_device("desktop-app", "Rocket.Chat", match[1], os)


def _parse_system(text: str, *, has_linux_version: bool) -> dict[str, str]:
    for name, pattern in _SYSTEMS:
        if match := pattern.search(text):
            if name == "Linux" and not has_linux_version:
                return {"name": name}
            version = match[1].replace("_", ".")
            return {"name": name, "version": _WINDOWS_NAMES.get(version, version)}
    return {"name": "", "version": ""}


def _parse_type(text: str) -> str:
    """Return the type of device; empty for a Mac, of which only the model is known."""
    if "iPad" in text:
        return "tablet"
    if "iPhone" in text:
        return "mobile"
    if "Android" in text:
        return "mobile" if "Mobile" in text else "tablet"
    return "" if "Macintosh" in text else "browser"


def _make_device(type_: str, name: str, long_version: str, os: dict[str, str]) -> Device:
    match = _SHORT_VERSION.search(long_version)
    version = match[0] if match else ""
    return {"type": type_, "name": name, "longVersion": long_version, "os": os, "version": version}
