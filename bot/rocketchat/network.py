"""How the workspace is reached: the proxy on the way, and which certificates are trusted.

Proxies are those of the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
"""

import ssl
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from bot.errors import ConfigError

_SCHEMES: Final = {"ws": "http", "wss": "https"}


# Cached: to read the system's certificates takes 55 ms and a MiB each time.
@cache
def make_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust what the system trusts, and the PEM certificates in ``ca_file``; raise OSError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def find_proxy(url: str) -> str | None:
    """Return the URL of the proxy on the way to ``url``; None where there is none.

    Raises ConfigError for a proxy of another kind than HTTP, and for an address that cannot work,
    without quoting it: it may hold a password.
    """
    parts, proxies = urlsplit(url), getproxies_environment()
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    proxy = proxies.get(scheme)
    if not proxy or is_this_machine(url) or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not _is_proxy(proxy):
        raise ConfigError(
            f"{scheme.upper()}_PROXY: write it as in http://proxy.example.org:3128,"
            " and / ? # in its user name or password as %2F %3F %23"
        )
    return proxy


def _is_proxy(url: str) -> bool:
    """Return whether it is the address of an HTTP proxy that every library can read.

    With a slash that is not encoded, a part of the password would be taken for the port or path.
    """
    try:
        parts = urlsplit(url)
        is_port_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    has_more = parts.path not in {"", "/"} or parts.query or parts.fragment
    return parts.scheme == "http" and bool(parts.hostname) and is_port_right and not has_more


def is_this_machine(url: str) -> bool:
    """Return whether a URL points to this machine."""
    host = urlsplit(url).hostname or ""
    return host.startswith("127.") or host in {"localhost", "::1", "::", "0.0.0.0"}  # noqa: S104 - compared only
