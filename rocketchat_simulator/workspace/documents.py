"""Documents as the workspace stores them, with their ids, secrets and dates.

A document is a JSON object with Rocket.Chat's field names. Its dates are aware datetimes; REST
sends them as ISO strings, the realtime API as ``{"$date": milliseconds}``.
"""

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any, Final

Document = dict[str, Any]

# Meteor's alphabet: no characters that look alike.
_ID_CHARACTERS: Final = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"


def copy_document(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy dicts and lists to any depth; all other values in a document are immutable."""
    kind = type(value)
    if kind is dict:
        return {key: copy_document(inner) for key, inner in value.items()}
    if kind is list:
        return [copy_document(inner) for inner in value]
    return value


def make_id(length: int = 17) -> str:
    """Return a random id as Meteor makes them."""
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(length))


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
    match value:
        case datetime():
            return to_iso(value)
        case dict():
            return {key: render_iso(inner) for key, inner in value.items()}
        case list() | tuple():
            return [render_iso(inner) for inner in value]
        case _:
            return value


def render_ejson(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """Copy a value, with its dates as the realtime API sends them."""
    match value:
        case datetime():
            return {"$date": to_milliseconds(value)}
        case dict():
            return {key: render_ejson(inner) for key, inner in value.items()}
        case list() | tuple():
            return [render_ejson(inner) for inner in value]
        case _:
            return value


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
