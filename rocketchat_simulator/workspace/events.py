"""The events that the workspace publishes; the realtime server turns them into frames.

Documents in events are copies: a listener may keep them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import Room


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A message is new, or has changed (an edit, a reaction, a reply in its thread).

    ``is_saved`` is true for new messages of users and for edits.
    """

    message: Document
    room: Room
    is_saved: bool = False


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was deleted."""

    room_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """A room is ``inserted``, ``updated`` or ``removed`` for these users."""

    user_ids: tuple[str, ...]
    action: str
    room: Document


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """A user's subscription document for a room is ``inserted``, ``updated`` or ``removed``."""

    user_id: str
    action: str
    subscription: Document


@dataclass(frozen=True, slots=True)
class UserNotified:
    """An event for one user's own stream: ``notification``, ``message``, ``force_logout``."""

    user_id: str
    event: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RoomActivity:
    """An event in a room that is not stored, such as ``user-activity``."""

    room_id: str
    event: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """A user has come online, gone offline, or shows another status."""

    user_id: str
    username: str
    status: str
    text: str | None


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token is no longer valid; connections that use it end, but for some versions.

    ``is_removal`` is true for a personal access token that its owner removed.
    """

    user_id: str
    token_hash: str
    is_removal: bool = False


@dataclass(frozen=True, slots=True)
class SessionLoggedOut:
    """A session was logged out through the list of devices."""

    user_id: str
    session_id: str


Event = (
    MessageStored
    | MessageDeleted
    | RoomChanged
    | SubscriptionChanged
    | UserNotified
    | RoomActivity
    | PresenceChanged
    | TokenRevoked
    | SessionLoggedOut
)
Listener = Callable[[Event], None]


class EventBus:
    """Passes each published event to all listeners."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on, until the given function is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Call every listener with an event, in the order in which they subscribed."""
        for listener in tuple(self._listeners):
            listener(event)
