"""The library's requests with ids of the connection's own, and with refusals told apart.

The library numbers its requests in a class attribute, shared by all connections, and takes every
answer for a yes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rocketchat_async import methods

from bot.errors import (
    ProtocolError,
    RateLimitedError,
    RefusedError,
    TokenRejectedError,
    WorkspaceError,
)
from bot.rocketchat.realtime.calls import Calls, Frame

MY_MESSAGES: Final = "__my_messages__"
"""The event that stands for every room at once."""

_TOKEN_REJECTED: Final = frozenset({401, 403})
"""A dead token is 403 on 6.5.3 and 401 on 8.3; both are final."""


class Connect(methods.Connect):  # type: ignore[misc]  # no types
    """Say hello, and wait for the answer."""

    @classmethod
    async def call(cls, dispatcher: Calls) -> str:
        """Return the connection's session id; raises ``ProtocolError`` on another protocol."""
        answer = await dispatcher.connect(cls.REQUEST_MSG)
        if answer["msg"] == "failed":
            raise ProtocolError("the workspace does not speak DDP version 1")
        session = answer.get("session")
        return session if isinstance(session, str) else ""


class Resume(methods.Resume):  # type: ignore[misc]  # no types
    """Log in with a token: the only way that the monolith and ddp-streamer share."""

    @classmethod
    async def call(cls, dispatcher: Calls, token: str) -> str:
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
    async def call(cls, dispatcher: Calls, room: str, hear: Callable[[Any, Any], None]) -> str:
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
    async def call(cls, dispatcher: Calls, user_id: str, hear: Callable[[Any], None]) -> str:
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
        cls, dispatcher: Calls, room_id: str, name: str, thread_id: str | None, *, is_typing: bool
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
