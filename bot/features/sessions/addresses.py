"""What an address of a session says: whether it is private, and to which network it belongs."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

from bot.rocketchat.addresses import SEPARATOR, parse_address

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
    addresses = [found for each in ip.split(SEPARATOR) if (found := parse_address(each.strip()))]
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
