"""The frames of the realtime API, and the codes that close its websocket."""

from typing import Any, Final

from rocketchat_simulator.workspace.errors import format_meteor_error

Frame = dict[str, Any]
Value = Any
"""Any JSON value that a client may send."""

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


def make_event(stream: str, event: str, *args: object) -> Frame:
    """Return the frame of a stream event; Meteor gives all of them the same id."""
    fields = {"eventName": event, "args": list(args)}
    return {"msg": "changed", "collection": stream, "id": "id", "fields": fields}
