"""The frames of the realtime API, and the codes that close its websocket."""

from typing import Any, Final

from rocketchat_simulator.workspace.errors import format_meteor_error

Frame = dict[str, Any]
Value = Any
"""Any JSON value that a client may send."""

INTERNAL_ERROR: Final = "Internal server error"
"""The reason that Meteor gives instead of the text of a JavaScript error, with the code 500."""

CLOSE_NORMAL: Final = 1000
CLOSE_WITHOUT_CODE: Final = 1005
CLOSE_ABRUPTLY: Final = 1006


class MethodError(Exception):
    """A method or a subscription is refused; ``body`` is the error that the client gets."""

    def __init__(
        self, code: str | int, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        self.body = format_meteor_error(code, reason, details)
        super().__init__(self.body["message"])


class UnknownMethodError(MethodError):
    """The server has no method of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(404, f"Method '{name}' not found")


def make_event(stream: str, event: str, *args: object) -> Frame:
    """Return the frame of a stream event; Meteor gives all of them the same id."""
    fields = {"eventName": event, "args": list(args)}
    return {"msg": "changed", "collection": stream, "id": "id", "fields": fields}
