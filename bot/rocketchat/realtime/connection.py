"""One connection to the workspace: login, streams and typing events."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rocketchat_async import RocketChat, methods

from bot.errors import (
    ProtocolError,
    RateLimitedError,
    RefusedError,
    TokenRejectedError,
    UnreachableError,
    WorkspaceError,
)
from bot.models import AuthToken
from bot.rocketchat.realtime.ddp import DdpClient, Frame, OnEvent

MY_MESSAGES: Final = "__my_messages__"
"""The event that stands for all rooms."""

_TOKEN_REJECTED: Final = frozenset({401, 403})
"""A dead token is 403 on 6.5.3 and 401 on 8.3; both are final."""


class Connection(RocketChat):  # type: ignore[misc]  # no types
    """The library's client on a websocket that is open already; it owns no task."""

    def __init__(self, ddp: DdpClient) -> None:
        super().__init__()
        self._dispatcher = ddp
        self.session_id = ""

    async def run_forever(self) -> None:
        """Read frames until the connection ends; always raises ``UnreachableError``."""
        await self._dispatcher.run()

    async def resume(self, token: AuthToken) -> None:
        """Connect and log in; ``run_forever`` must be running in another task.

        Raises ``TokenRejectedError`` if the token is dead or another user's, and
        ``ProtocolError`` if the workspace speaks another protocol.
        """
        self.session_id = await Connect.call(self._dispatcher)
        secret = token.secret.get_secret_value()
        self.user_id = await Resume.call(self._dispatcher, secret)
        if self.user_id != token.user_id:
            raise TokenRejectedError("the bot's token belongs to another user id")

    async def subscribe_to_messages(self, on_message: OnEvent) -> None:
        """Subscribe to the messages of all rooms.

        The stream's two arguments are the message, and an object with ``roomType`` and
        ``roomParticipant``.
        """
        await SubscribeToMessages.call(self._dispatcher, MY_MESSAGES, on_message)

    async def subscribe_to_logout(self) -> None:
        """End the connection when its session is logged out."""
        await SubscribeToLogout.call(self._dispatcher, self.user_id, self._end_if_logged_out)

    async def subscribe_to_presence(self, user_ids: Iterable[str], on_presence: OnEvent) -> None:
        """Subscribe to who comes online and goes offline; raises ``RefusedError``.

        The events' names are user ids.
        """
        await FollowPresence.call(self._dispatcher, user_ids, on_presence)

    async def change_presence(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Follow more users, and others no longer, with the open subscription."""
        await FollowPresence.change(self._dispatcher, added=sorted(added))
        await FollowPresence.change(self._dispatcher, removed=sorted(removed))

    async def send_typing_event(
        self, room_id: str, name: str, thread_id: str | None = None, *, is_typing: bool = True
    ) -> None:
        """Show, under ``name``, that the bot is typing or has stopped."""
        await SendTyping.call(self._dispatcher, room_id, name, thread_id, is_typing=is_typing)

    def _end_if_logged_out(self, _event: str, arguments: list[Any]) -> None:
        # Up to 7.x the event names no session and is meant for all; since 8.0 it may name one.
        session_id, *_ = [*arguments, None]
        if not session_id or session_id == self.session_id:
            raise UnreachableError("the workspace logged the bot out")


class Connect(methods.Connect):  # type: ignore[misc]  # no types
    """``connect``, the first frame of a connection."""

    @classmethod
    async def call(cls, dispatcher: DdpClient) -> str:
        """Return the connection's session id; raises ``ProtocolError`` on another protocol."""
        answer = await dispatcher.connect(cls.REQUEST_MSG)
        if answer["msg"] == "failed":
            raise ProtocolError("the workspace does not speak DDP version 1")
        session = answer.get("session")
        return session if isinstance(session, str) else ""


class Resume(methods.Resume):  # type: ignore[misc]  # no types
    """``login`` with a token, the only way that the monolith and ddp-streamer share."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, token: str) -> str:
        """Return the user id.

        Raises ``TokenRejectedError`` if trying again is of no use, and other ``WorkspaceError``.
        """
        id_ = dispatcher.make_id()
        answer = await dispatcher.call_method(cls._get_request_msg(id_, token), id_)
        return cls._parse(answer)

    @staticmethod
    def _parse(response: Frame | None) -> str:
        match response:
            case {"error": error}:
                raise _parse_login_error(error if isinstance(error, Mapping) else {})
            case {"result": {"id": str(user_id)}}:
                return user_id
        raise RefusedError("the workspace answered the login without a user id")


class SubscribeToMessages(methods.SubscribeToChannelMessagesRaw):  # type: ignore[misc]  # no types
    """``stream-room-messages``, for all arguments of each event."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, room: str, on_message: OnEvent) -> None:
        """Open the subscription."""
        id_ = dispatcher.make_id()
        message = cls._get_request_msg(id_, room)
        await dispatcher.create_subscription(message, id_, on_message)


class SubscribeToLogout(methods.SubscribeToChannelChangesRaw):  # type: ignore[misc]  # no types
    """``stream-notify-user`` with the event that the user is logged out."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, user_id: str, on_logout: OnEvent) -> None:
        """Open the subscription; its argument is a session id, or None for all of them."""
        id_ = dispatcher.make_id()
        message = cls._get_request_msg(id_, user_id)
        message["params"][0] = f"{user_id}/force_logout"
        await dispatcher.create_subscription(message, id_, on_logout)


class FollowPresence(methods.RealtimeRequest):  # type: ignore[misc]  # no types
    """``stream-user-presence`` for some users (server source ``notifications/…/Presence.ts``)."""

    @classmethod
    async def call(
        cls, dispatcher: DdpClient, user_ids: Iterable[str], on_presence: OnEvent
    ) -> None:
        """Open the subscription."""
        id_ = dispatcher.make_id()
        message = cls._make_message(id_, added=sorted(user_ids))
        await dispatcher.create_subscription(message, id_, on_presence)

    @classmethod
    async def change(cls, dispatcher: DdpClient, **change: list[str]) -> None:
        """Change it by another ``sub``; its ``nosub`` means nothing (seen on 6.5.3 and 8.3)."""
        if any(change.values()):
            await dispatcher.call_method(cls._make_message(dispatcher.make_id(), **change))

    @staticmethod
    def _make_message(id_: str, **change: list[str]) -> Frame:
        return {"msg": "sub", "id": id_, "name": "stream-user-presence", "params": ["", change]}


class SendTyping(methods.SendTypingEvent):  # type: ignore[misc]  # no types
    """``stream-notify-room`` with the event that the user is typing or has stopped."""

    @classmethod
    async def call(
        cls,
        dispatcher: DdpClient,
        room_id: str,
        name: str,
        thread_id: str | None,
        *,
        is_typing: bool,
    ) -> None:
        """Send the event without waiting: the server answers neither success nor refusal."""
        message = cls._get_request_msg(dispatcher.make_id(), room_id, name, thread_id)
        if not is_typing:
            message["params"][2] = []
        await dispatcher.call_method(message)


def _parse_login_error(error: Mapping[str, Any]) -> WorkspaceError:
    code, reason = error.get("error"), str(error.get("reason") or error.get("error"))
    if code in _TOKEN_REJECTED:
        return TokenRejectedError(f"the workspace rejects the bot's token: {reason}")
    match error:
        case {"error": "too-many-requests", "details": {"timeToReset": int(milliseconds)}}:
            return RateLimitedError("too many logins", milliseconds / 1000)
    return RefusedError(f"the workspace refused the login: {reason}", reason)
