"""Who may subscribe to which stream, and what its subscribers are told."""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.realtime.frames import Frame, MethodError, make_event
from rocketchat_simulator.workspace.events import (
    Event,
    MessageDeleted,
    MessageStored,
    RoomActivity,
    RoomChanged,
    SubscriptionChanged,
    UserNotified,
)
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace

MESSAGES: Final = "stream-room-messages"
ROOM: Final = "stream-notify-room"
USER: Final = "stream-notify-user"
MY_MESSAGES: Final = "__my_messages__"
_FOR_EVERYBODY: Final = frozenset({"stream-notify-all", "stream-notify-logged"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One event of one stream that a client asked for."""

    stream: str
    event: str


def check_subscription(workspace: Workspace, user: User | None, wanted: Subscription) -> None:
    """Raise MethodError where the server would answer ``nosub``.

    ``__my_messages__`` is open even to somebody who is not logged in yet: as seen on 6.5.3 and
    8.3 it becomes active with the login.
    """
    if wanted.stream in _FOR_EVERYBODY or wanted == Subscription(MESSAGES, MY_MESSAGES):
        return
    if wanted.stream not in {MESSAGES, ROOM, USER}:
        raise MethodError(404, f"Subscription '{wanted.stream}' not found")
    subject = wanted.event.split("/")[0]
    room = workspace.find_room(subject)
    is_own = wanted.stream == USER and user is not None and user.id == subject
    is_open = wanted.stream != USER and room is not None and _may_read(user, room)
    if not (is_own or is_open):
        raise MethodError("not-allowed")


def make_frames(event: Event, user: User, wanted: Subscription) -> list[Frame]:
    """Return what one subscriber is told of an event; mostly nothing."""
    if isinstance(event, MessageStored):
        return _tell_message(event, user, wanted)
    if wanted.stream == MESSAGES:
        return []
    match event:
        case MessageDeleted(room_id, message_id):
            told = make_event(ROOM, f"{room_id}/deleteMessage", {"_id": message_id})
        case RoomActivity(room_id, name, args):
            told = make_event(ROOM, f"{room_id}/{name}", *args)
        case UserNotified(user_id, name, args):
            told = make_event(USER, f"{user_id}/{name}", *args)
        case SubscriptionChanged(user_id, action, row):
            told = make_event(USER, f"{user_id}/subscriptions-changed", action, row)
        case RoomChanged(user_ids, action, room) if user.id in user_ids:
            told = make_event(USER, f"{user.id}/rooms-changed", action, room)
        case _:
            return []
    is_wanted = wanted == Subscription(told["collection"], told["fields"]["eventName"])
    return [told] if is_wanted else []


def _tell_message(event: MessageStored, user: User, wanted: Subscription) -> list[Frame]:
    """Return the message; only ``__my_messages__`` says what kind of room it stands in.

    The test is access, not membership: public channels that the user is not in arrive too.
    """
    room = event.room
    # In this order, as a client may have subscribed to thousands of rooms.
    if wanted.stream != MESSAGES or wanted.event not in {room.id, MY_MESSAGES}:
        return []
    if not room.is_readable_by(user):
        return []
    if wanted.event == room.id:
        return [make_event(MESSAGES, room.id, event.message)]
    about: Frame = {"roomParticipant": room.has(user), "roomType": room.type}
    about |= {"roomName": room.name} if room.type != "d" else {}
    return [make_event(MESSAGES, MY_MESSAGES, event.message, about)]


def _may_read(user: User | None, room: Room) -> bool:
    return user is not None and room.is_readable_by(user)
