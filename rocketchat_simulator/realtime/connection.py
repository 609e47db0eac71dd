"""The DDP protocol of one client: connect, login, methods and subscriptions."""

import json
from collections.abc import Callable
from typing import Final
from uuid import uuid1

from rocketchat_simulator.realtime.flavours import Flavour
from rocketchat_simulator.realtime.frames import (
    CLOSE_ABRUPTLY,
    CLOSE_NORMAL,
    CLOSE_WITHOUT_CODE,
    Frame,
    MethodError,
    UnknownMethodError,
    Value,
)
from rocketchat_simulator.realtime.streams import (
    MESSAGES,
    PRESENCE,
    Subscription,
    check_subscription,
    make_frames,
    make_presence_frame,
    parse_event_name,
)
from rocketchat_simulator.workspace.documents import make_id
from rocketchat_simulator.workspace.events import (
    Event,
    PresenceChanged,
    RoomActivity,
    SessionLoggedOut,
    TokenRevoked,
    UserNotified,
)
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace

_PROTOCOL_VERSIONS: Final = frozenset({"1", "pre2", "pre1"})


class Connection:
    """The server's state of one websocket.

    ``send`` queues a frame, ``close`` closes the websocket with a code after the queued frames,
    ``call_method`` runs a method and returns its result or None, or raises MethodError.
    """

    def __init__(
        self,
        workspace: Workspace,
        flavour: Flavour,
        *,
        send: Callable[[Frame], None],
        close: Callable[[int], None],
        call_method: "Callable[[Connection, str, list[Value]], object]",
    ) -> None:
        self.workspace: Final = workspace
        self.flavour: Final = flavour
        self.send: Final = send
        self._close: Final = close
        self.session_id: str | None = None
        self.user: User | None = None
        self.token_hash: str | None = None
        self.subscriptions: Final[list[tuple[str, Subscription]]] = []
        self._followed_ids: Final[set[str]] = set()
        self._call_method: Final = call_method
        self._is_in_method = False
        self._after_result: list[Frame] = []
        self._code_after_result: int | None = None
        self._own_activity: RoomActivity | None = None

    def is_listening(self, username: str) -> bool:
        """Return whether this user is logged in here and has subscribed to messages."""
        streams = {wanted.stream for _, wanted in self.subscriptions}
        return self.user is not None and self.user.username == username and MESSAGES in streams

    def is_following(self, user: User) -> bool:
        """Return whether this client is told when a user comes online."""
        return self.user is not None and user.id in self._followed_ids

    def close(self, code: int = CLOSE_NORMAL) -> None:
        """Close the connection after the queued frames."""
        self._close(code)

    def receive(self, text: str) -> None:
        """Answer one frame of the client."""
        try:
            frame = json.loads(text)
        except ValueError:
            self._close_or_send(
                self.flavour.bad_json_code, {"msg": "error", "reason": "Bad request"}
            )
            return
        if not isinstance(frame, dict):
            self._report(self.flavour.bad_json_code, "Bad request", frame)
        elif frame.get("msg") == "connect":
            self._connect(frame)
        elif self.session_id is None:
            is_frame = isinstance(frame.get("msg"), str)
            reason = "Must connect first" if is_frame else "Bad request"
            self._report(self.flavour.malformed_code, reason, frame)
        else:
            self._receive_connected(frame)

    def deliver(self, event: Event) -> None:
        """Send an event once for each matching subscription.

        The events that a method causes reach its caller after the result from 8 on (as seen on
        8.3), and before it on earlier versions (as seen on 6.5.3). Private messages of the server
        always come first (as seen on 8.3).
        """
        if isinstance(event, TokenRevoked | SessionLoggedOut):
            self._end_login(event)
            return
        if self.user is None or event is self._own_activity:
            return
        if isinstance(event, PresenceChanged):
            if event.user_id in self._followed_ids:
                self.send(make_presence_frame(event))
            return
        is_delayed = self._is_in_method and not self.workspace.version.is_before_7
        if isinstance(event, UserNotified) and event.event == "message":
            is_delayed = False
        for _, wanted in tuple(self.subscriptions):
            for frame in make_frames(event, self.user, wanted):
                self._after_result.append(frame) if is_delayed else self.send(frame)

    def publish_own(self, activity: RoomActivity) -> None:
        """Publish this client's activity to the other clients."""
        self._own_activity = activity
        self.workspace.event_bus.publish(activity)
        self._own_activity = None

    def send_after_result(self, frame: Frame) -> None:
        """Send a frame after the result of the running method."""
        self._after_result.append(frame)

    def end_subscriptions(self, send: Callable[[Frame], None]) -> None:
        """End all subscriptions with ``nosub``, as a logout does (as seen on 8.3)."""
        for id_, _ in self.subscriptions:
            send({"msg": "nosub", "id": id_})
        self.subscriptions.clear()
        self._followed_ids.clear()

    def close_after_result(self, code: int) -> None:
        """Close the connection after the result of the running method."""
        self._code_after_result = code

    def _end_login(self, event: TokenRevoked | SessionLoggedOut) -> None:
        """Close the connection if the server would.

        ddp-streamer is notified of logged-out sessions only. It closes the connection of that
        session, without a code; before pull request 39383 of March 2026 it cut all connections of
        the user (server source ``DDPStreamer.ts``; its first release was not read, here it is 8.3).
        If a token is revoked in another way, ddp-streamer keeps its connections.
        """
        if isinstance(event, TokenRevoked):
            closes = self.flavour.closes_on_token_revocation and not self._outlives(event)
            if closes and self.token_hash == event.token_hash:
                self.close()
        elif self.flavour.closes_on_token_revocation or self.user is None:
            return
        elif self.workspace.version.announces_logout:
            if self.session_id == event.session_id:
                self.close(CLOSE_WITHOUT_CODE)
        elif self.user.id == event.user_id:
            self.close(CLOSE_ABRUPTLY)

    def _outlives(self, event: TokenRevoked) -> bool:
        """Return whether the connection stays open, as seen on 8.3 where 6.5.3 closes it.

        Other versions were not seen; a client has a harder time where it stays open.
        """
        return event.is_removal and not self.workspace.version.is_before_7

    def _connect(self, frame: Frame) -> None:
        if self.session_id is not None:
            self._report_if_strict("Already connected", frame)
        elif (
            self.flavour.checks_protocol_version and frame.get("version") not in _PROTOCOL_VERSIONS
        ):
            self.send({"msg": "failed", "version": "1"})
            self.close()
        else:
            self.session_id = str(uuid1()) if self.flavour.has_session_uuid else make_id()
            self.send({"msg": "connected", "session": self.session_id})

    def _receive_connected(self, frame: Frame) -> None:
        match frame.get("msg"):
            case "ping":
                self.send({"msg": "pong"} | ({"id": frame["id"]} if "id" in frame else {}))
            case "pong":
                pass
            case "method":
                self._call(frame)
            case "sub":
                self._subscribe(frame)
            case "unsub":
                self._unsubscribe(frame)
            case _:
                self._report_if_strict("Bad request", frame)

    def _call(self, frame: Frame) -> None:
        if not _is_call(frame, "method"):
            code = self.flavour.malformed_code
            self._report(code, "Malformed method invocation", frame)
            return
        answer: Frame = {"msg": "result", "id": frame["id"]}
        is_first = self.flavour.sends_result_first
        self._is_in_method = True
        try:
            result = self._call_method(self, frame["method"], frame.get("params", []))
            answer |= self._format_result(frame["method"], result)
        except MethodError as error:
            answer["error"] = error.body
            # Meteor does not run a method that it does not have (as seen on 8.3).
            is_first = is_first or isinstance(error, UnknownMethodError)
        self._is_in_method = False
        updated: Frame = {"msg": "updated", "methods": [frame["id"]]}
        for sent in (answer, updated) if is_first else (updated, answer):
            self.send(sent)
        delayed, self._after_result = self._after_result, []
        for event in delayed:
            self.send(event)
        if self._code_after_result is not None:
            self.close(self._code_after_result)

    def _format_result(self, name: str, result: object) -> Frame:
        """Return the ``result`` field; ddp-streamer's 404 is gone in 8.8."""
        if not self.flavour.own_methods:
            return {} if result is None else {"result": result}
        is_own = name.startswith(self.flavour.own_methods)
        if not (result or is_own or self.workspace.version.has_typed_routes):
            raise MethodError(404, f"Method '{name}' not found")
        return {"result": result} if result else {}

    def _subscribe(self, frame: Frame) -> None:
        if not _is_call(frame, "name"):
            self._report(self.flavour.malformed_code, "Malformed subscription", frame)
            return
        is_repeated = any(id_ == frame["id"] for id_, _ in self.subscriptions)
        if is_repeated and self.flavour.ignores_repeated_sub:
            return
        if frame["name"] == PRESENCE:
            self._follow_presence(frame)
            return
        try:
            event = parse_event_name(frame["name"], frame.get("params", []))
            wanted = Subscription(frame["name"], event)
            check_subscription(self.workspace, self.user, wanted)
        except MethodError as error:
            self.send({"msg": "nosub", "id": frame["id"], "error": error.body})
            return
        self._confirm(frame, wanted)

    def _confirm(self, frame: Frame, wanted: Subscription) -> None:
        self.subscriptions.append((frame["id"], wanted))
        if _wants_collection(frame):
            fields = {"eventName": wanted.event}
            added = {"msg": "added", "collection": wanted.stream, "id": "id", "fields": fields}
            self.send(added)
        self.send({"msg": "ready", "subs": [frame["id"]]})

    def _follow_presence(self, frame: Frame) -> None:
        """Add or remove users; all but the first such subscription are answered with ``nosub``.

        They work all the same, as long as the first one is open (as seen on 6.5.3 and 8.3; server
        source ``app/notifications/server/lib/Presence.ts``).
        """
        params: list[Value] = [*frame.get("params", []), None, None]
        change: Frame = params[1] if isinstance(params[1], dict) else {}
        self._followed_ids.update(map(str, change.get("added") or []))
        self._followed_ids.difference_update(map(str, change.get("removed") or []))
        if any(wanted.stream == PRESENCE for _, wanted in self.subscriptions):
            self.send({"msg": "nosub", "id": frame["id"]})
            return
        self._confirm(frame, Subscription(PRESENCE, ""))

    def _unsubscribe(self, frame: Frame) -> None:
        id_ = frame.get("id")
        known = [each for each in self.subscriptions if each[0] == id_]
        if known:
            self.subscriptions.remove(known[-1])
            if known[-1][1].stream == PRESENCE:
                self._followed_ids.clear()
        if known or self.flavour.confirms_unknown_unsub:
            self.send({"msg": "nosub", "id": id_})
        elif not id_:
            self.close(self.flavour.malformed_code or CLOSE_NORMAL)

    def _report_if_strict(self, reason: str, frame: Frame) -> None:
        if self.flavour.reports_unknown_frames:
            self._report(None, reason, frame)

    def _report(self, code: int | None, reason: str, frame: object) -> None:
        self._close_or_send(code, {"msg": "error", "reason": reason, "offendingMessage": frame})

    def _close_or_send(self, code: int | None, error: Frame) -> None:
        if code is None:
            self.send(error)
        else:
            self.close(code)


def _is_call(frame: Frame, name: str) -> bool:
    has_names = isinstance(frame.get("id"), str) and isinstance(frame.get(name), str)
    return has_names and isinstance(frame.get("params", []), list)


def _wants_collection(frame: Frame) -> bool:
    """Return whether a subscription asks for a document to put the events into.

    Older clients drop every event without it (seen on 8.3; ddp-streamer's source does the same).
    """
    match frame.get("params", []):
        case [_, True, *_] | [_, {"useCollection": True}, *_]:
            return True
    return False
