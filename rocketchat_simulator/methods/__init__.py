"""The methods that clients call by name, over the websocket or by ``method.call``.

Each is a function of the workspace, the caller or None, and four parameters, of which missing ones
are None. It returns the result, or None for none, and raises RefusedError where it is refused; an
error without a kind reaches the client as ``Internal server error``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rocketchat_simulator.methods import messages, rooms
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.versions import Version
from rocketchat_simulator.workspace.workspace import Workspace

Method = Callable[..., object]
_PARAMETERS: Final = 4
_METHODS: Final[Mapping[str, Method]] = {**messages.METHODS, **rooms.METHODS}
_REMOVED: Final = {"deleteMessage": (7, 0), "setReaction": (8, 0)}


def has_method(name: str, version: Version) -> bool:
    """Return whether a version has a method of this name here."""
    return name in _METHODS and version.number < _REMOVED.get(name, (99, 0))


def call_method(workspace: Workspace, user: User | None, name: str, params: list[Any]) -> object:
    """Call a method that ``has_method`` knows."""
    padded = [*params, *[None] * _PARAMETERS][:_PARAMETERS]
    return _METHODS[name](workspace, user, *padded)
