"""What travels over the websocket: frames, and error bodies as Meteor writes them."""

from typing import Any

Frame = dict[str, Any]
Value = Any
"""Whatever a client sent: any JSON value."""


class MethodError(Exception):
    """A method or a subscription was refused; ``body`` is what the client sees."""

    def __init__(
        self, code: str | int, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        self.body = make_error(code, reason, details)
        super().__init__(self.body["message"])


def make_error(code: str | int, reason: str = "", details: dict[str, Any] | None = None) -> Frame:
    """Return a ``Meteor.Error``; reason and details are left out where there are none."""
    body: Frame = {"isClientSafe": True, "error": code}
    if reason:
        body["reason"] = reason
    if details is not None:
        body["details"] = details
    body["message"] = f"{reason} [{code}]".strip()
    body["errorType"] = "Meteor.Error"
    return body


def make_event(stream: str, event: str, *args: object) -> Frame:
    """Return what a stream delivers; every event has the same constant id."""
    fields = {"eventName": event, "args": list(args)}
    return {"msg": "changed", "collection": stream, "id": "id", "fields": fields}
