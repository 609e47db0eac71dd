"""What an address of a session says: whether it is private, its network, and its place."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from bot.errors import ConfigError, make_missing_extra
from bot.models import Place, Session
from bot.rocketchat.addresses import SEPARATOR, parse_address

if TYPE_CHECKING:
    from maxminddb import Reader

_COUNTRY_CODE: Final = re.compile("[A-Z]{2}")
_NETWORK_BITS: Final = {4: 24, 6: 48}
# The standard library's `is_private` includes the ranges for documentation, which no home uses.
_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
            "::1/128",
        ),
    )
)


@lru_cache(maxsize=1000)
def find_network(ip: str) -> str:
    """Return the network of an address: ``203.0.113.0/24``, ``2001:db8::/48``; empty for none.

    Of a list all public addresses count, because which of them is the client's depends on the
    gateways. A text that is no address is a network of its own, so that a new one is noticed.
    """
    addresses = _parse_addresses(ip)
    counted = [each for each in addresses if not _is_in_private(each)] or addresses
    networks = (
        ip_network(f"{each}/{_NETWORK_BITS[each.version]}", strict=False) for each in counted
    )
    return SEPARATOR.join(dict.fromkeys(map(str, networks))) or ip.strip()


@lru_cache(maxsize=1000)
def is_private(ip: str) -> bool:
    """Return whether every address in it is a private one."""
    addresses = [parse_address(each.strip()) for each in ip.split(SEPARATOR)]
    return all(each is not None and _is_in_private(each) for each in addresses)


def _is_in_private(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _PRIVATE)


def _parse_addresses(ip: str) -> list[IPv4Address | IPv6Address]:
    return [found for each in ip.split(SEPARATOR) if (found := parse_address(each.strip()))]


class Places:
    """Places of public addresses, from a file of this machine."""

    def __init__(self, database: "Reader") -> None:
        self._database: Final = database
        # A look-up takes half a millisecond.
        self._find: Final = lru_cache(maxsize=1000)(self._look_up)

    def locate(self, session: Session) -> Session:
        """Return the session with its place, where that is known."""
        return replace(session, place=self._find(session.ip))

    def _look_up(self, ip: str) -> Place | None:
        public = [each for each in _parse_addresses(ip) if not _is_in_private(each)]
        # Which one of several is the client's is not known.
        if len(public) != 1:
            return None
        try:
            return _parse_place(self._database.get(public[0]))
        except Exception:  # noqa: BLE001 - a damaged file has many, and must not cost an answer
            return None


@contextmanager
def open_places(path: Path | None) -> Iterator[Places | None]:
    """Open the database of places; None without one, or if it cannot be read, which is logged."""
    try:
        database = _open_database(path) if path else None
    except ConfigError as error:
        structlog.get_logger("places").warning("no places are shown", problem=str(error))
        database = None
    try:
        yield Places(database) if database else None
    finally:
        if database:
            database.close()


def describe_places(path: Path) -> str:
    """Return the type and the day of a database of places; raise ConfigError without."""
    with _open_database(path) as database:
        found = database.metadata()
    day = datetime.fromtimestamp(found.build_epoch, UTC).date()
    return f"{found.database_type} of {day.isoformat()}"


def _open_database(path: Path) -> "Reader":
    try:
        import maxminddb  # noqa: PLC0415 - it is an extra
    except ImportError:
        raise make_missing_extra("[places] database", "maxminddb", "places") from None
    try:
        # Not mapped into memory: a file that is overwritten would end the program.
        return maxminddb.open_database(path, maxminddb.MODE_FILE)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception:  # noqa: BLE001 - the library's own error, and whatever damage causes
        raise ConfigError(f"{path} is no MaxMind DB file") from None


def _parse_place(record: object) -> Place | None:
    """Parse a record of GeoLite2 or DB-IP, or a flat one as IPinfo's; None without a country."""
    if not isinstance(record, Mapping):
        return None
    country, city = record.get("country_code") or record.get("country"), record.get("city")
    code = country.get("iso_code") if isinstance(country, Mapping) else country
    if not isinstance(code, str) or not _COUNTRY_CODE.fullmatch(code):
        return None
    names = city.get("names") if isinstance(city, Mapping) else {"en": city}
    if not isinstance(names, Mapping):
        return Place(code)
    return Place(code, {key: name for key, name in names.items() if name and isinstance(name, str)})
