"""Why a request or a connection failed, in words for the operator."""

import os
import socket
import ssl
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ClientHttpProxyError,
    ClientProxyConnectionError,
    InvalidURL,
)

_WORDS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((TimeoutError,), "no answer in time"),
    (
        (ClientConnectorSSLError, ssl.SSLError),
        "no encrypted connection can be made; is https right, and the port?",
    ),
    ((InvalidURL,), "the address cannot be used"),
)


def describe_failure(error: Exception) -> str:
    """Return the reason, without the address, which may hold a password."""
    if isinstance(error, ClientHttpProxyError):
        return f"the proxy refused with {error.status}"
    if isinstance(error, ClientConnectorCertificateError):
        error = error.certificate_error
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    for kinds, words in _WORDS:
        if isinstance(error, kinds):
            return words
    if not isinstance(error, OSError):
        return "the connection broke"
    words = _describe_system(error)
    is_proxy = isinstance(error, ClientProxyConnectionError)
    return f"the proxy cannot be reached: {words}" if is_proxy else words


def _describe_system(error: OSError) -> str:
    inner = getattr(error, "os_error", error)
    if isinstance(inner, socket.gaierror):
        return "the host name is not known"
    if not inner.errno:  # as where each of several addresses failed in its own way
        return "no connection can be made"
    text = os.strerror(inner.errno)
    return text[:1].lower() + text[1:]
