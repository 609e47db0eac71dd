"""The error that the workspace raises where the server refuses something."""

from typing import Final

from rocketchat_simulator.workspace.documents import Document


class RefusedError(Exception):
    """A rule of the server refuses a request.

    With a ``kind`` it is a Meteor error: clients see ``reason [kind]`` and the kind. Without one it
    is a plain JavaScript error: REST sends its text, the realtime API drops some of them.
    """

    def __init__(self, reason: str, kind: str = "", details: Document | None = None) -> None:
        self.reason: Final = reason
        self.kind: Final = kind
        self.details: Final = details
        self.text: Final = f"{reason} [{kind}]".lstrip() if kind else reason
        super().__init__(self.text)


def make_not_allowed(reason: str, action: str, method: str) -> RefusedError:
    """Make the error for an action that the caller lacks the permission for."""
    details = {"method": method, "action": action}
    return RefusedError(reason, "error-action-not-allowed", details)


def format_too_many_requests(*, seconds: int) -> str:
    """Return the error text of the REST rate limit, with the seconds to wait."""
    return (
        f"Error, too many requests. Please slow down. You must wait {seconds} seconds"
        " before trying this endpoint again. [error-too-many-requests]"
    )


def format_meteor_error(
    code: str | int, reason: str = "", details: Document | None = None
) -> Document:
    """Return a ``Meteor.Error``, without empty ``reason`` and ``details``; digits make a number."""
    shown = int(code) if isinstance(code, str) and code.isdigit() else code
    body: Document = {"isClientSafe": True, "error": shown}
    body |= {"reason": reason} if reason else {}
    body |= {} if details is None else {"details": details}
    return body | {"message": f"{reason} [{code}]".strip(), "errorType": "Meteor.Error"}
