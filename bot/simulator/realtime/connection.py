"""One client's conversation with the workspace: connect, login, methods, subscriptions."""

import json
from collections.abc import Callable
from typing import Final

from bot.simulator.documents import make_id
from bot.simulator.events import Event, RoomActivity, TokenRevoked
from bot.simulator.people import User
from bot.simulator.realtime.frames import Frame, MethodError, Value
from bot.simulator.realtime.streams import Subscription, check_subscription, make_frames
from bot.simulator.workspace import Workspace

_VERSIONS: Final = frozenset({"1", "pre2", "pre1"})
_OK: Final = 1000
_PROTOCOL_ERROR: Final = 1002
_BAD_DATA: Final = 1007


class Connection:
    """What the server keeps of one websocket.

    ``send`` queues a frame, ``close`` ends the connection after what is queued, ``call_method``
    runs a method and returns its result (None for none) or raises MethodError. With
    ``is_streamer`` it is as the microservice ddp-streamer (server source
    ``ee/apps/ddp-streamer/src/Server.ts`` and ``Client.ts``, 8.3): login by ``resume`` only,
    the result before ``updated``, and a close code where Meteor sends an error frame.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        send: Callable[[Frame], None],
        close: Callable[[int], None],
        call_method: "Callable[[Connection, str, list[Value]], object]",
        is_streamer: bool = False,
    ) -> None:
        self.workspace: Final = workspace
        self.send: Final = send
        self._close: Final = close
        self.is_streamer: Final = is_streamer
        self.session_id: str | None = None
        self.user: User | None = None
        self.token_hash: str | None = None
        self.subscriptions: Final[dict[str, Subscription]] = {}
        self._call_method: Final = call_method
        self._is_calling = False
        self._held: list[Frame] = []
        self._own_activity: RoomActivity | None = None

    def close(self, code: int = _OK) -> None:
        """End the connection after what is queued."""
        self._close(code)

    def hear(self, text: str) -> None:
        """Answer one frame of the client's."""
        try:
            frame = json.loads(text)
        except ValueError:
            if self.is_streamer:
                self.close(_BAD_DATA)
            else:
                self.send({"msg": "error", "reason": "Bad request"})
            return
        if not isinstance(frame, dict) or not isinstance(frame.get("msg"), str):
            self._complain("Bad request", frame)
        elif frame["msg"] == "connect":
            self._connect(frame)
        elif self.session_id is None:
            self._complain("Must connect first", frame)
        else:
            self._hear_connected(frame)

    def tell(self, event: Event) -> None:
        """Deliver an event, once for each subscription that wants it.

        From 8 on, what a method causes reaches its caller after the result (as seen on 8.3);
        before, ahead of it (as seen on 6.5.3).
        """
        if isinstance(event, TokenRevoked):
            if self.token_hash == event.token_hash:
                self.close()
            return
        if self.user is None or event is self._own_activity:
            return
        is_held = self._is_calling and not self.workspace.version.is_early
        for wanted in self.subscriptions.values():
            for frame in make_frames(event, self.user, wanted):
                self._held.append(frame) if is_held else self.send(frame)

    def publish_own(self, activity: RoomActivity) -> None:
        """Publish what this client is doing; it is not sent back to itself."""
        self._own_activity = activity
        self.workspace.board.publish(activity)
        self._own_activity = None

    def _connect(self, frame: Frame) -> None:
        if self.session_id is not None:
            self._complain("Already connected", frame)
        elif frame.get("version") not in _VERSIONS:
            self.send({"msg": "failed", "version": "1"})
            self.close()
        else:
            self.session_id = make_id()
            self.send({"msg": "connected", "session": self.session_id})

    def _hear_connected(self, frame: Frame) -> None:
        match frame["msg"]:
            case "ping":
                self.send({"msg": "pong"} | ({"id": frame["id"]} if "id" in frame else {}))
            case "pong":
                pass
            case "method":
                self._call(frame)
            case "sub":
                self._subscribe(frame)
            case "unsub":
                known = self.subscriptions.pop(str(frame.get("id")), None)
                if known or not self.is_streamer:
                    self.send({"msg": "nosub", "id": frame.get("id")})
            case _:
                self._complain("Bad request", frame)

    def _call(self, frame: Frame) -> None:
        if not _is_call(frame, "method"):
            self._complain("Malformed method invocation", frame)
            return
        answer: Frame = {"msg": "result", "id": frame["id"]}
        self._is_calling = True
        try:
            result = self._call_method(self, frame["method"], frame.get("params", []))
        except MethodError as error:
            answer["error"] = error.body
        else:
            answer |= self._format_result(frame["method"], result)
        self._is_calling = False
        updated: Frame = {"msg": "updated", "methods": [frame["id"]]}
        for told in (answer, updated) if self.is_streamer else (updated, answer):
            self.send(told)
        held, self._held = self._held, []
        for late in held:
            self.send(late)

    def _format_result(self, name: str, result: object) -> Frame:
        if self.is_streamer and not result:
            return {"error": MethodError(404, f"Method '{name}' not found").body}
        return {} if result is None else {"result": result}

    def send_late(self, frame: Frame) -> None:
        """Send a frame after the result of the method that is running."""
        self._held.append(frame)

    def _subscribe(self, frame: Frame) -> None:
        if not _is_call(frame, "name"):
            self._complain("Malformed subscription", frame)
            return
        if frame["id"] in self.subscriptions:
            return
        event = next(iter(frame.get("params", [])), "")
        wanted = Subscription(frame["name"], str(event))
        try:
            check_subscription(self.workspace, self.user, wanted)
        except MethodError as error:
            self.send({"msg": "nosub", "id": frame["id"], "error": error.body})
            return
        self.subscriptions[frame["id"]] = wanted
        self.send({"msg": "ready", "subs": [frame["id"]]})

    def _complain(self, reason: str, frame: object) -> None:
        if self.is_streamer:
            self.close(_PROTOCOL_ERROR)
            return
        self.send({"msg": "error", "reason": reason, "offendingMessage": frame})


def _is_call(frame: Frame, name: str) -> bool:
    has_names = isinstance(frame.get("id"), str) and isinstance(frame.get(name), str)
    return has_names and isinstance(frame.get("params", []), list)
