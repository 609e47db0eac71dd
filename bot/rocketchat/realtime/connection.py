"""One connection to the workspace: logged in, and subscribed."""

from collections.abc import Callable, Mapping
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
from bot.rocketchat.realtime.ddp import DdpClient, Frame


class Connection(RocketChat):  # type: ignore[misc]  # no types
    """The library's client on a link that is open already; it owns no task."""

    def __init__(self, calls: DdpClient) -> None:
        super().__init__()
        self._dispatcher = calls
        self.session_id = ""

    async def run_forever(self) -> None:
        """Read the link to its end; always ends in ``UnreachableError``."""
        await self._dispatcher.run()

    async def resume(self, token: AuthToken) -> None:
        """Connect and log in; needs ``run_forever`` at work in another task.

        Raises ``TokenRejectedError`` where the token is dead or somebody else's, and
        ``ProtocolError`` where the workspace speaks another protocol.
        """
        await self._connect()
        self.user_id = await self._resume(token.secret.get_secret_value())
        if self.user_id != token.user_id:
            raise TokenRejectedError("the bot's token belongs to another user id")

    async def subscribe_to_messages(self, hear: Callable[[Any, Any], None]) -> None:
        """Hear every room; ``hear`` gets a message and what the stream says about it."""
        await SubscribeToMessages.call(self._dispatcher, MY_MESSAGES, hear)

    async def subscribe_to_logout(self) -> None:
        """End the link when this session is logged out."""
        await SubscribeToLogout.call(self._dispatcher, self.user_id, self._take_logout)

    async def send_typing_event(
        self, room_id: str, name: str, thread_id: str | None = None, *, is_typing: bool = True
    ) -> None:
        """Show, under ``name``, that the bot types or has stopped."""
        await SendTyping.call(self._dispatcher, room_id, name, thread_id, is_typing=is_typing)

    async def _connect(self) -> None:
        self.session_id = await Connect.call(self._dispatcher)

    async def _resume(self, token: str) -> str:
        return await Resume.call(self._dispatcher, token)

    def _take_logout(self, session_id: object) -> None:
        # Up to 7.x it names no session and concerns them all; since 8.0 it may.
        if not session_id or session_id == self.session_id:
            raise UnreachableError("the workspace logged the bot out")


MY_MESSAGES: Final = "__my_messages__"
"""The event that stands for every room at once."""

_TOKEN_REJECTED: Final = frozenset({401, 403})
"""A dead token is 403 on 6.5.3 and 401 on 8.3; both are final."""


class Connect(methods.Connect):  # type: ignore[misc]  # no types
    """Say hello, and wait for the answer."""

    @classmethod
    async def call(cls, dispatcher: DdpClient) -> str:
        """Return the connection's session id; raises ``ProtocolError`` on another protocol."""
        answer = await dispatcher.connect(cls.REQUEST_MSG)
        if answer["msg"] == "failed":
            raise ProtocolError("the workspace does not speak DDP version 1")
        session = answer.get("session")
        return session if isinstance(session, str) else ""


class Resume(methods.Resume):  # type: ignore[misc]  # no types
    """Log in with a token: the only way that the monolith and ddp-streamer share."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, token: str) -> str:
        """Return the user id; raises ``TokenRejectedError`` where trying again is no use."""
        id_ = dispatcher.make_id()
        answer = await dispatcher.call_method(cls._get_request_msg(id_, token), id_)
        return cls._parse(answer)

    @staticmethod
    def _parse(response: Frame | None) -> str:
        match response:
            case {"error": error}:
                raise _read_refusal(error if isinstance(error, Mapping) else {})
            case {"result": {"id": str(user_id)}}:
                return user_id
        raise RefusedError("the workspace answered the login without a user id")


class SubscribeToMessages(methods.SubscribeToChannelMessagesRaw):  # type: ignore[misc]  # no types
    """Hear messages, with what the stream says about each: its second argument."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, room: str, hear: Callable[[Any, Any], None]) -> str:
        """Return the subscription id; ``hear`` gets the message and what is said about it."""
        id_ = dispatcher.make_id()
        message = cls._get_request_msg(id_, room)
        await dispatcher.create_subscription(message, id_, cls._wrap(hear))
        return id_

    @staticmethod
    def _wrap(callback: Callable[[Any, Any], None]) -> Callable[[Frame], None]:
        def hear(frame: Frame) -> None:
            message, about, *_ = [*_arguments(frame), None, None]
            callback(message, about)

        return hear


class SubscribeToLogout(methods.SubscribeToChannelChangesRaw):  # type: ignore[misc]  # no types
    """Hear that the workspace logs the user out."""

    @classmethod
    async def call(cls, dispatcher: DdpClient, user_id: str, hear: Callable[[Any], None]) -> str:
        """Return the subscription id; ``hear`` gets the session id, or None for all of them."""
        id_ = dispatcher.make_id()
        message = cls._get_request_msg(id_, user_id)
        message["params"][0] = f"{user_id}/force_logout"
        await dispatcher.create_subscription(message, id_, cls._wrap(hear))
        return id_

    @staticmethod
    def _wrap(callback: Callable[[Any], None]) -> Callable[[Frame], None]:
        def hear(frame: Frame) -> None:
            session_id, *_ = [*_arguments(frame), None]
            callback(session_id)

        return hear


class SendTyping(methods.SendTypingEvent):  # type: ignore[misc]  # no types
    """Show that the user types, or has stopped."""

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
        """Send the event; the server's silence is the same for yes and no, so nothing waits."""
        message = cls._get_request_msg(dispatcher.make_id(), room_id, name, thread_id)
        if not is_typing:
            message["params"][2] = []
        await dispatcher.call_method(message)


def _arguments(frame: Frame) -> list[Any]:
    arguments = frame["fields"].get("args")
    return arguments if isinstance(arguments, list) else []


def _read_refusal(error: Mapping[str, Any]) -> WorkspaceError:
    code, reason = error.get("error"), str(error.get("reason") or error.get("error"))
    if code in _TOKEN_REJECTED:
        return TokenRejectedError(f"the workspace rejects the bot's token: {reason}")
    match error:
        case {"error": "too-many-requests", "details": {"timeToReset": int(milliseconds)}}:
            return RateLimitedError("too many logins", milliseconds / 1000)
    return RefusedError(f"the workspace refused the login: {reason}", reason)
