"""Documents as the workspace stores them, with their ids, secrets and dates.

A document is a JSON object with Rocket.Chat's field names. Its dates are aware datetimes; REST
sends them as ISO strings, the realtime API as ``{"$date": milliseconds}``.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

Document = dict[str, Any]

# Meteor's alphabet: no characters that look alike.
_ID_CHARACTERS: Final = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"
_CONTAINERS: Final = frozenset({dict, list})
_RENDERED: Final = frozenset({dict, list, tuple, datetime})


def copy_document(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy dicts and lists to any depth; all other values in a document are immutable."""
    kind = type(value)
    if kind is dict:
        return {
            key: copy_document(inner) if type(inner) in _CONTAINERS else inner
            for key, inner in value.items()
        }
    if kind is list:
        return [copy_document(inner) if type(inner) in _CONTAINERS else inner for inner in value]
    return value


def make_id(length: int = 17) -> str:
    """Return a random id as Meteor makes them."""
    count = len(_ID_CHARACTERS)
    return "".join(_ID_CHARACTERS[byte % count] for byte in secrets.token_bytes(length))


def make_object_id(now: datetime) -> str:
    """Return a random id as MongoDB makes them: 24 hexadecimal characters, time first."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"


def make_token() -> str:
    """Return a random secret as Meteor makes login tokens: 43 base64url characters."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return what the server stores of a login token: base64 of its SHA-256, 44 characters."""
    return base64.b64encode(hashlib.sha256(token.encode()).digest()).decode()


def digest_password(password: str) -> str:
    """Return what clients send instead of a password: its SHA-256 in hexadecimal."""
    return hashlib.sha256(password.encode()).hexdigest()


def to_milliseconds(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(milliseconds: float) -> datetime:
    """Return the UTC datetime of milliseconds since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_iso(moment: datetime) -> str:
    """Format a datetime as JavaScript does: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def render_iso(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy a value, with its dates as REST sends them."""
    return _render(value, to_iso)


def render_ejson(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy a value, with its dates as the realtime API sends them."""
    return _render(value, _to_ejson)


def _render(value: Any, render_date: Callable[[datetime], Any]) -> Any:  # noqa: ANN401 - the same
    if isinstance(value, dict):
        return {
            key: _render(inner, render_date) if type(inner) in _RENDERED else inner
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_render(inner, render_date) for inner in value]
    return render_date(value) if isinstance(value, datetime) else value


def _to_ejson(moment: datetime) -> dict[str, int]:
    return {"$date": to_milliseconds(moment)}


def parse_ejson(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy what a realtime client sent; ``{"$date": ms}`` becomes a datetime."""
    match value:
        case {"$date": int() | float() as milliseconds}:
            return from_milliseconds(milliseconds)
        case dict():
            return {key: parse_ejson(inner) for key, inner in value.items()}
        case list():
            return [parse_ejson(inner) for inner in value]
        case _:
            return value
