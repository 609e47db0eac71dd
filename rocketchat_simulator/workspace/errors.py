"""The server's way to say no."""

from typing import Final

from rocketchat_simulator.workspace.documents import Document


class RefusedError(Exception):
    """A rule of the server's said no.

    With a ``kind`` it is a Meteor error: clients see ``reason [kind]`` and the kind. Without one it
    is a bare JavaScript error: REST shows its text, the realtime API swallows some of them.
    """

    def __init__(self, reason: str, kind: str = "", details: Document | None = None) -> None:
        self.reason: Final = reason
        self.kind: Final = kind
        self.details: Final = details
        self.text: Final = f"{reason} [{kind}]".lstrip() if kind else reason
        super().__init__(self.text)


def make_not_allowed(reason: str, action: str, method: str) -> RefusedError:
    """Make the refusal of an action that the caller has no permission for."""
    details = {"method": method, "action": action}
    return RefusedError(reason, "error-action-not-allowed", details)
