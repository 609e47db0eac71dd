"""JSON text to documents. Pure."""

import json
from typing import Any

from pydantic_core import from_json


def parse_document(raw: str | bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for what is none."""
    try:
        value = _parse(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parse(raw: str | bytes) -> object:
    try:
        # In less than half the time.
        return from_json(raw)
    except ValueError:
        # It refuses half a surrogate pair, which JavaScript lets people write.
        return json.loads(raw)
