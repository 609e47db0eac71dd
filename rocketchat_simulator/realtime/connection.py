"""One client's conversation with the workspace: connect, login, methods, subscriptions."""

import json
from collections.abc import Callable
from typing import Final
from uuid import uuid1

from rocketchat_simulator.realtime.flavours import Flavour
from rocketchat_simulator.realtime.frames import Frame, MethodError, Value
from rocketchat_simulator.realtime.streams import (
    MESSAGES,
    Subscription,
    check_subscription,
    make_frames,
)
from rocketchat_simulator.workspace.documents import make_id
from rocketchat_simulator.workspace.events import (
    Event,
    RoomActivity,
    SessionLoggedOut,
    TokenRevoked,
)
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.workspace import Workspace

_VERSIONS: Final = frozenset({"1", "pre2", "pre1"})
_OK: Final = 1000
_NO_CODE: Final = 1005
_CUT: Final = 1006


class Connection:
    """What the server keeps of one websocket.

    ``send`` queues a frame, ``close`` ends the connection after what is queued, ``call_method``
    runs a method and returns its result (None for none) or raises MethodError.
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
        self._call_method: Final = call_method
        self._is_calling = False
        self._held: list[Frame] = []
        self._late_code: int | None = None
        self._own_activity: RoomActivity | None = None

    def is_listening(self, username: str) -> bool:
        """Return whether it is this user's, with a subscription to messages."""
        streams = {wanted.stream for _, wanted in self.subscriptions}
        return self.user is not None and self.user.username == username and MESSAGES in streams

    def close(self, code: int = _OK) -> None:
        """End the connection after what is queued."""
        self._close(code)

    def hear(self, text: str) -> None:
        """Answer one frame of the client's."""
        try:
            frame = json.loads(text)
        except ValueError:
            self._refuse(self.flavour.bad_json_code, {"msg": "error", "reason": "Bad request"})
            return
        if not isinstance(frame, dict):
            self._complain(self.flavour.bad_json_code, "Bad request", frame)
        elif frame.get("msg") == "connect":
            self._connect(frame)
        elif self.session_id is None:
            is_frame = isinstance(frame.get("msg"), str)
            reason = "Must connect first" if is_frame else "Bad request"
            self._complain(self.flavour.malformed_code, reason, frame)
        else:
            self._hear_connected(frame)

    def tell(self, event: Event) -> None:
        """Deliver an event, once for each subscription that wants it.

        From 8 on, what a method causes reaches its caller after the result (as seen on 8.3);
        before, ahead of it (as seen on 6.5.3).
        """
        if isinstance(event, TokenRevoked | SessionLoggedOut):
            self._end_login(event)
            return
        if self.user is None or event is self._own_activity:
            return
        is_held = self._is_calling and not self.workspace.version.is_before_7
        for _, wanted in tuple(self.subscriptions):
            for frame in make_frames(event, self.user, wanted):
                self._held.append(frame) if is_held else self.send(frame)

    def publish_own(self, activity: RoomActivity) -> None:
        """Publish what this client is doing; it is not sent back to itself."""
        self._own_activity = activity
        self.workspace.event_bus.publish(activity)
        self._own_activity = None

    def send_late(self, frame: Frame) -> None:
        """Send a frame after the result of the method that is running."""
        self._held.append(frame)

    def close_late(self, code: int) -> None:
        """End the connection after the result of the method that is running."""
        self._late_code = code

    def _end_login(self, event: TokenRevoked | SessionLoggedOut) -> None:
        """Close where the server would.

        ddp-streamer hears of sessions alone. It closes the one that was logged out, without a
        code; before pull request 39383 of March 2026 it cut all of the user's (server source
        ``DDPStreamer.ts``; which release has it first was not read, here it is 8.3). A token that
        is removed otherwise is found out by no one: the connection goes on.
        """
        if isinstance(event, TokenRevoked):
            if self.flavour.closes_on_token_revocation and self.token_hash == event.token_hash:
                self.close()
        elif self.flavour.closes_on_token_revocation or self.user is None:
            return
        elif self.workspace.version.announces_logout:
            if self.session_id == event.session_id:
                self.close(_NO_CODE)
        elif self.user.id == event.user_id:
            self.close(_CUT)

    def _connect(self, frame: Frame) -> None:
        if self.session_id is not None:
            self._mind("Already connected", frame)
        elif self.flavour.checks_protocol_version and frame.get("version") not in _VERSIONS:
            self.send({"msg": "failed", "version": "1"})
            self.close()
        else:
            self.session_id = str(uuid1()) if self.flavour.has_session_uuid else make_id()
            self.send({"msg": "connected", "session": self.session_id})

    def _hear_connected(self, frame: Frame) -> None:
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
                self._mind("Bad request", frame)

    def _call(self, frame: Frame) -> None:
        if not _is_call(frame, "method"):
            code = self.flavour.malformed_code
            self._complain(code, "Malformed method invocation", frame)
            return
        answer: Frame = {"msg": "result", "id": frame["id"]}
        self._is_calling = True
        try:
            result = self._call_method(self, frame["method"], frame.get("params", []))
            answer |= self._format_result(frame["method"], result)
        except MethodError as error:
            answer["error"] = error.body
        self._is_calling = False
        updated: Frame = {"msg": "updated", "methods": [frame["id"]]}
        is_first = self.flavour.sends_result_first
        for told in (answer, updated) if is_first else (updated, answer):
            self.send(told)
        held, self._held = self._held, []
        for late in held:
            self.send(late)
        if self._late_code is not None:
            self.close(self._late_code)

    def _format_result(self, name: str, result: object) -> Frame:
        """Return what stands in the answer; of ddp-streamer's 404, 8.8 has nothing left."""
        if not self.flavour.own_methods:
            return {} if result is None else {"result": result}
        is_own = name.startswith(self.flavour.own_methods)
        if not (result or is_own or self.workspace.version.has_typed_routes):
            raise MethodError(404, f"Method '{name}' not found")
        return {"result": result} if result else {}

    def _subscribe(self, frame: Frame) -> None:
        if not _is_call(frame, "name"):
            self._complain(self.flavour.malformed_code, "Malformed subscription", frame)
            return
        is_repeated = any(id_ == frame["id"] for id_, _ in self.subscriptions)
        if is_repeated and self.flavour.ignores_repeated_sub:
            return
        event = next(iter(frame.get("params", [])), "")
        wanted = Subscription(frame["name"], str(event))
        try:
            check_subscription(self.workspace, self.user, wanted)
        except MethodError as error:
            self.send({"msg": "nosub", "id": frame["id"], "error": error.body})
            return
        self.subscriptions.append((frame["id"], wanted))
        self.send({"msg": "ready", "subs": [frame["id"]]})

    def _unsubscribe(self, frame: Frame) -> None:
        id_ = frame.get("id")
        known = [each for each in self.subscriptions if each[0] == id_]
        if known:
            self.subscriptions.remove(known[-1])
        if known or self.flavour.confirms_unknown_unsub:
            self.send({"msg": "nosub", "id": id_})
        elif not id_:
            self.close(self.flavour.malformed_code or _OK)

    def _mind(self, reason: str, frame: Frame) -> None:
        if self.flavour.reports_unknown_frames:
            self._complain(None, reason, frame)

    def _complain(self, code: int | None, reason: str, frame: object) -> None:
        self._refuse(code, {"msg": "error", "reason": reason, "offendingMessage": frame})

    def _refuse(self, code: int | None, complaint: Frame) -> None:
        if code is None:
            self.send(complaint)
        else:
            self.close(code)


def _is_call(frame: Frame, name: str) -> bool:
    has_names = isinstance(frame.get("id"), str) and isinstance(frame.get(name), str)
    return has_names and isinstance(frame.get("params", []), list)
