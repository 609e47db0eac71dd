"""The types that a message's fields and its attachments must have.

Source: ``validateMessage`` in ``app/lib/server/functions/sendMessage.ts``, 6.5 and 8.3; the error
texts as seen on 8.3. Meteor's ``check`` makes them, so they begin with as many "Match error: " as
checks lie within each other.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError

_URL: Final = "url"
_PARTIAL_URL: Final = "partial url"
_MESSAGE: Final = {
    **dict.fromkeys(("_id", "msg", "alias", "emoji", "tmid"), "string"),
    "tshow": "boolean",
    "avatar": _PARTIAL_URL,
    **dict.fromkeys(("attachments", "blocks"), "array"),
}
_ATTACHMENT: Final = {
    **dict.fromkeys(("color", "text", "button_alignment", "author_name", "title"), "string"),
    **dict.fromkeys(("image_preview", "image_type", "audio_type", "video_type"), "string"),
    **dict.fromkeys(("collapsed", "title_link_download"), "boolean"),
    **dict.fromkeys(("image_size", "audio_size", "video_size"), "number"),
    **dict.fromkeys(("thumb_url", "message_link", "author_link", "author_icon"), _URL),
    **dict.fromkeys(("title_link", "image_url", "audio_url", "video_url"), _URL),
    **dict.fromkeys(("actions", "fields"), "array"),
    "image_dimensions": "object",
}
_FIELD: Final = {"short": "boolean", "title": "string"}
_ACTION: Final = {
    **dict.fromkeys(("type", "text", "webview_height_ratio", "msg"), "string"),
    **dict.fromkeys(("is_webview", "msg_in_chat_window"), "boolean"),
    **dict.fromkeys(("url", "image_url"), _URL),
}
_FULL_URL: Final = re.compile(r"https?://|data:|/file-upload/")
_RELATIVE_URL: Final = re.compile(r"[^/\n]+/[^/\n].*$|/[^/\n].*$", re.MULTILINE)


def check_types(message: Document, *, needs_values: bool) -> None:
    """Raise RefusedError unless all fields have their types and links lead somewhere harmless.

    With ``needs_values`` the fields of attachments need a title and a value, as since 8.0.
    """
    _check(message, _MESSAGE)
    for attachment in message.get("attachments") or ():
        if not isinstance(attachment, dict):
            # JavaScript finds nothing wrong with a number; clients show nothing of it.
            raise RefusedError(f"Match error: Expected object, got {find_type(attachment)}")
        _check(attachment, _ATTACHMENT)
        for field in attachment.get("fields") or ():
            _check_field(field, needs_values=needs_values)
        for action in attachment.get("actions") or ():
            if isinstance(action, dict):
                _check(action, _ACTION)


def _check_field(field: Any, *, needs_values: bool) -> None:  # noqa: ANN401 - a client may send anything
    fields = field if isinstance(field, dict) else {}
    _check(fields, _FIELD)
    if isinstance(fields.get("value"), dict | list):
        raise _make_mismatch(
            "Failed Match.OneOf, Match.Maybe or Match.Optional validation", "value"
        )
    if needs_values and not (fields.get("title") and fields.get("value")):
        raise RefusedError("Invalid attachment field, title and value is required")


def _check(fields: Document, types: Mapping[str, str]) -> None:
    for name, type_ in types.items():
        if name in fields and (value := fields[name]) is not None:
            _check_value(name, value, type_)


def _check_value(name: str, value: Any, type_: str) -> None:  # noqa: ANN401 - the same
    if type_ == "string" and isinstance(value, str):
        return
    given = find_type(value)
    if type_ not in {_URL, _PARTIAL_URL}:
        is_list = isinstance(value, list)
        if is_list != (type_ == "array") or not (is_list or given == type_):
            raise _make_mismatch(f"Expected {type_}, got {given}", name)
    elif not isinstance(value, str):
        raise _make_mismatch(f"Match error: Expected string, got {given}", name)
    elif not (
        _FULL_URL.match(value) or (type_ == _PARTIAL_URL and _RELATIVE_URL.match(value))
    ) or value.lower().startswith("javascript:"):
        raise RefusedError("Invalid href value provided")


def _make_mismatch(problem: str, name: str) -> RefusedError:
    return RefusedError(f"Match error: Match error: {problem} in field {name}")


def find_type(value: Any) -> str:  # noqa: ANN401 - the same
    """Return JavaScript's name of a value's type."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "null" if value is None else "object"
