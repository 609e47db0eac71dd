"""The streams: who may subscribe, and the frames that subscribers get for an event."""

from dataclasses import dataclass
from typing import Final

from rocketchat_simulator.realtime.frames import (
    INTERNAL_ERROR,
    Frame,
    MethodError,
    Value,
    make_event,
)
from rocketchat_simulator.workspace.events import (
    Event,
    MessageDeleted,
    MessageStored,
    PresenceChanged,
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
PRESENCE: Final = "stream-user-presence"
_STATUS_CODES: Final = {"offline": 0, "online": 1, "away": 2, "busy": 3}
MY_MESSAGES: Final = "__my_messages__"
_OPEN_STREAMS: Final = frozenset(
    {"stream-notify-all", "stream-notify-logged", "stream-roles", "stream-apps"}
)
_PUBLICATIONS: Final = frozenset({"meteor.loginServiceConfiguration"})
"""Publications of Meteor's own, without events; this one would list login services."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A client's subscription to one event of a stream."""

    stream: str
    event: str


def parse_event_name(stream: str, params: list[Value]) -> str:
    """Return the event that a client subscribes to; for a publication it is empty.

    Raise MethodError if it is empty or absent (source: ``streamer.module.ts``; seen on 8.3).
    """
    if stream in _PUBLICATIONS:
        return ""
    if not params or params[0] is None:
        raise MethodError(500, INTERNAL_ERROR)
    if params[0] == "":
        raise MethodError("invalid-event-name")
    return str(params[0])


def check_subscription(workspace: Workspace, user: User | None, wanted: Subscription) -> None:
    """Raise MethodError if the server would refuse a subscription with ``nosub``.

    ``__my_messages__`` is allowed before the login, and becomes active with it (as seen on 6.5.3
    and 8.3).
    """
    if wanted.stream in _OPEN_STREAMS | _PUBLICATIONS or wanted == Subscription(
        MESSAGES, MY_MESSAGES
    ):
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
    """Return the frames that a subscription gets for an event; for most events none."""
    if isinstance(event, MessageStored):
        return _make_message_frames(event, user, wanted)
    if wanted.stream == MESSAGES:
        return []
    match event:
        case MessageDeleted(room_id, message_id):
            frame = make_event(ROOM, f"{room_id}/deleteMessage", {"_id": message_id})
        case RoomActivity(room_id, name, args):
            frame = make_event(ROOM, f"{room_id}/{name}", *args)
        case UserNotified(user_id, name, args):
            frame = make_event(USER, f"{user_id}/{name}", *args)
        case SubscriptionChanged(user_id, action, row):
            frame = make_event(USER, f"{user_id}/subscriptions-changed", action, row)
        case RoomChanged(user_ids, action, room) if user.id in user_ids:
            frame = make_event(USER, f"{user.id}/rooms-changed", action, room)
        case _:
            return []
    is_wanted = wanted == Subscription(frame["collection"], frame["fields"]["eventName"])
    return [frame] if is_wanted else []


def make_presence_frame(event: PresenceChanged) -> Frame:
    """Return the frame for those who follow this user (as seen on 6.5.3 and 8.3)."""
    args = [[event.username, _STATUS_CODES.get(event.status, 0), event.text]]
    fields = {"uid": event.user_id, "args": args, "eventName": event.user_id}
    return {"msg": "changed", "collection": PRESENCE, "id": event.user_id, "fields": fields}


def _make_message_frames(event: MessageStored, user: User, wanted: Subscription) -> list[Frame]:
    """Return the message; only ``__my_messages__`` adds information about the room.

    The user needs access, not membership: messages of all public channels arrive, too.
    """
    room = event.room
    # The cheapest check first: a client may have subscribed to thousands of rooms.
    if wanted.stream != MESSAGES or wanted.event not in {room.id, MY_MESSAGES}:
        return []
    if not room.is_readable_by(user):
        return []
    if wanted.event == room.id:
        return [make_event(MESSAGES, room.id, event.message)]
    room_info: Frame = {"roomParticipant": room.has(user), "roomType": room.type}
    room_info |= {"roomName": room.name} if room.type != "d" else {}
    return [make_event(MESSAGES, MY_MESSAGES, event.message, room_info)]


def _may_read(user: User | None, room: Room) -> bool:
    return user is not None and room.is_readable_by(user)
