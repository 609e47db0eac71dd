"""Addresses of clients, as gateways in front of a workspace write them."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

SEPARATOR: Final = ", "
MAX_LISTED: Final = 3
"""Of a list the last entries count: every gateway appends one, and a client writes the first."""

_MAX_LENGTH: Final = 64  # more than any address with a port has
_QUOTES: Final = " \t\"'"
_WITH_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([\d.]+))(?::\d{1,5})?")


def normalise_addresses(text: str) -> str:
    """Return the addresses without ports, brackets and quotes, each in its shortest form.

    The server stores what a header says (``x-real-ip`` or ``x-forwarded-for``; sauMonitorHooks.ts,
    8.3), so it may have a port, or be a list. An entry that is no address stays as it is.
    """
    entries = [each.strip(_QUOTES)[:_MAX_LENGTH] for each in text.split(",")]
    entries = [each for each in entries if each][-MAX_LISTED:]
    return SEPARATOR.join(str(parse_address(each) or each) for each in entries)


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return one address; None where it cannot be read.

    An IPv4 address that is mapped into IPv6 is that address, and an interface (``%eth0``) is left
    out: it names a link of the gateway, not a place.
    """
    with_port = _WITH_PORT.fullmatch(text)
    plain = (with_port[1] or with_port[2]) if with_port else text
    try:
        address = ip_address(plain.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
