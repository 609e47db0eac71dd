"""How the workspace is reached: the proxy on the way, and which certificates are trusted.

Proxies are those of the environment: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
"""

import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from bot.errors import ConfigError

_SCHEMES: Final = {"ws": "http", "wss": "https"}


def make_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust what the system trusts, and the PEM certificates in ``ca_file``; raise OSError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def find_proxy(url: str) -> str | None:
    """Return the URL of the proxy on the way to ``url``; None where there is none.

    Raises ConfigError for a proxy of another kind than HTTP.
    """
    parts, proxies = urlsplit(url), getproxies_environment()
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    proxy = proxies.get(scheme)
    if not proxy or is_this_machine(url) or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme != "http" or not urlsplit(proxy).hostname:
        name = f"{scheme.upper()}_PROXY"
        raise ConfigError(f"{name}: write it as in http://proxy.example.org:3128")
    return proxy


def is_this_machine(url: str) -> bool:
    """Return whether a URL points to this machine."""
    host = urlsplit(url).hostname or ""
    return host.startswith("127.") or host in {"localhost", "::1", "::", "0.0.0.0"}  # noqa: S104 - compared only
