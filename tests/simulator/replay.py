"""Plays a recording of a real server on the simulated workspace and tells what differs."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

import aiohttp

from rocketchat_simulator import Simulator
from tests.simulator.likeness import Json, Names, find_differences
from tests.support.deadlines import DEADLINE_S

SAMPLES: Final = Path(__file__).parent.parent / "samples"


@dataclass(slots=True)
class Report:
    """What differed: one text per REST row, and one per frame of a connection."""

    answers: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Clock:
    """Stands at the recorded moment, so that windows and orders are those of the recording."""

    start: datetime
    passed: float = 0.0

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)


@dataclass(slots=True)
class Client:
    """One recorded connection, opened again."""

    name: str
    socket: aiohttp.ClientWebSocketResponse
    expected: list[Json]
    is_arranged: bool
    received: list[Json] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_connected: bool = False

    async def listen(self) -> None:
        async for message in self.socket:
            async with self.changed:
                self.received.append(json.loads(message.data))
                self.changed.notify_all()
        async with self.changed:
            self.changed.notify_all()

    async def catch_up(self, number: int) -> None:
        """Wait until everything that the server had to say so far is here."""
        if self.socket.closed:
            return
        if not self.is_connected:
            await self._wait_for_frames(number)
            return
        barrier = {"msg": "pong", "id": f"barrier-{number}"}
        await self.socket.send_json({"msg": "ping", "id": barrier["id"]})
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(lambda: barrier in self.received or self.socket.closed)
            if barrier in self.received:
                self.received.remove(barrier)

    async def _wait_for_frames(self, number: int) -> None:
        """Wait for the answers of a connection that is not connected and cannot be pinged."""
        due = [row for row in self.expected if row["number"] < number]
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(
                lambda: len(self.received) >= len(due) or self.socket.closed
            )
        self.is_connected = any(frame.get("msg") == "connected" for frame in self.received)


class Replay:
    """One recording, played from its first row to its last."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        self._start, *self._rows = [json.loads(line) for line in lines]
        for number, row in enumerate(self._rows):
            row["number"] = number
            row.setdefault("kind", "rest")
        self._clock = Clock(datetime.fromtimestamp(self._start["at"], tz=UTC))
        self._names = Names()
        self._clients: dict[str, Client] = {}
        self._report = Report()

    async def run(self) -> Report:
        """Play everything; return what differed."""
        version, is_licensed = self._start["version"], self._start["is_licensed"]
        async with (
            Simulator(version=version, is_licensed=is_licensed, now=self._clock) as simulator,
            aiohttp.ClientSession() as http,
            asyncio.TaskGroup() as tasks,
        ):
            self._simulator, self._http, self._tasks = simulator, http, tasks
            self._arrange()
            for row in self._rows:
                await self._play(row)
            for client in self._clients.values():
                self._compare_frames(client)
                await client.socket.close()
        return self._report

    def _arrange(self) -> None:
        workspace = self._simulator.workspace
        accounts = [{**each, "roles": tuple(each["roles"])} for each in self._start["users"]]
        users = {account["username"]: workspace.add_user(**account) for account in accounts}
        channel = self._start["channel"]
        workspace.make_channel(channel["name"], [users[name] for name in channel["members"]])
        for sender, other, text in self._start.get("said", []):
            room = workspace.direct_room(users[sender], users[other])
            workspace.say(users[sender], room, text)

    async def _play(self, row: Json) -> None:
        self._clock.passed = row["t"]
        play = getattr(self, f"_play_{row['kind'].replace(' ', '_')}", None)
        if play is not None:
            await play(row)
            await self._catch_up(row)

    async def _catch_up(self, row: Json) -> None:
        following = next((r for r in self._rows[row["number"] + 1 :] if r["kind"] != "in"), None)
        number = following["number"] if following else len(self._rows)
        for client in self._clients.values():
            await client.catch_up(number)
            self._learn(client)

    def _learn(self, client: Client) -> None:
        for answered in client.received:
            for recorded in client.expected:
                if (
                    answered.get("msg") in {"connected", "result"}
                    and recorded["frame"]["msg"] == answered["msg"]
                    and recorded["frame"].get("id") == answered.get("id")
                ):
                    self._names.learn(recorded["frame"], answered)

    async def _play_arrange(self, row: Json) -> None:
        """Log somebody in whose login was not recorded, though it counted for the rate limit."""
        account = {"user": row["login"], "password": f"<password:{row['login']}>"}
        url = f"{self._simulator.url}/api/v1/login"
        async with self._http.post(url, json=account) as response:
            answer = await response.json()
        self._names.name(row["token"], answer["data"]["authToken"])

    async def _play_open(self, row: Json) -> None:
        url = f"{self._simulator.url}/websocket"
        headers = row.get("headers", {"User-Agent": ""})
        socket = await self._http.ws_connect(url, headers=headers)
        name = row["connection"]
        expected = [r for r in self._rows if r["kind"] == "in" and r["connection"] == name]
        client = Client(name, socket, expected, row.get("arranged", False))
        self._clients[name] = client
        self._tasks.create_task(client.listen())

    async def _play_out(self, row: Json) -> None:
        frame = self._fill_in(row["frame"])
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self._clients[row["connection"]].socket.send_str(text)

    async def _play_hang_up(self, row: Json) -> None:
        await self._clients[row["connection"]].socket.close()

    async def _play_close(self, row: Json) -> None:
        client = self._clients[row["connection"]]
        async with asyncio.timeout(DEADLINE_S), client.changed:
            await client.changed.wait_for(lambda: client.socket.closed)
        code = client.socket.close_code
        if code != row["code"]:
            self._report.frames.append(f"{client.name}: closed with {code}, not {row['code']}")

    async def _play_rest(self, row: Json) -> None:
        for _ in range(row.get("repeat", 1)):
            status, kind, limited, answer = await self._call(row)
            self._names.learn(row["response"], answer)
            self._names.learn_code(row["response"], answer)
            lines = self._compare_heads(row, status, kind, is_limited=limited)
            recorded = self._names.translate(row["response"])
            lines += find_differences(recorded, answer, ignored=row.get("ignore", []))
            if lines:
                self._report.answers.append(_describe(row, lines))
                break

    def _compare_heads(self, row: Json, status: int, kind: str, *, is_limited: bool) -> list[str]:
        seen = {"status": status, "type": kind, "limited": is_limited}
        recorded = {
            "status": row["status"],
            "type": row.get("type", "application/json"),
            "limited": row.get("limited", False),
        }
        ignored = row.get("ignore", [])
        return [
            f"{key}: {seen[key]!r} instead of {recorded[key]!r}"
            for key in seen
            if seen[key] != recorded[key] and key not in ignored
        ]

    async def _call(self, row: Json) -> tuple[int, str, bool, Any]:
        arguments = {
            "headers": {**row.get("headers", {}), **self._find_token(row)},
            "params": self._fill_in(row.get("params", {})),
            "allow_redirects": False,
        }
        if "json" in row:
            arguments["json"] = self._fill_in(row["json"])
        if "form" in row:
            arguments["data"] = self._fill_in(row["form"])
        if "body" in row:
            arguments["data"] = row["body"]
        url = f"{self._simulator.url}{row['path']}"
        async with self._http.request(row["method"], url, **arguments) as response:
            kind = response.content_type if "Content-Type" in response.headers else ""
            is_json = kind == "application/json" and response.content_length != 0
            answer = await (response.json() if is_json else response.text())
            return response.status, kind, "X-RateLimit-Limit" in response.headers, answer

    def _find_token(self, row: Json) -> dict[str, str]:
        if "bearer" in row:
            return {"Authorization": f"Bearer {self._names.find(row['bearer'])}"}
        if "as" not in row:
            return {}
        named = row["as"]
        owner, token = named if isinstance(named, list) else (named.split(":")[1], named)
        user = self._simulator.workspace.find_user_by_name(owner)
        assert user is not None
        secret = self._names.find(token) or "made-up-token"
        return {"X-User-Id": user.id, "X-Auth-Token": secret}

    def _fill_in(self, value: Any) -> Any:  # noqa: ANN401 - any JSON document
        """Return the document as it has to be sent: names translated, placeholders filled in."""
        text = json.dumps(self._names.translate(value))
        text = re.sub(r"<(\d+) times x>", lambda match: "x" * int(match[1]), text)
        digest = hashlib.sha256(b"<password:thebot>").hexdigest()
        return json.loads(text.replace("<digest:thebot>", digest))

    def _compare_frames(self, client: Client) -> None:
        if client.is_arranged:
            return
        recorded = [self._names.translate(row["frame"]) for row in client.expected]
        answered = client.received
        marks = [[_mark(frame) for frame in frames] for frames in (recorded, answered)]
        matcher = SequenceMatcher(None, marks[0], marks[1], autojunk=False)
        for kind, start, end, other_start, other_end in matcher.get_opcodes():
            if kind == "equal":
                for offset in range(end - start):
                    row = client.expected[start + offset]
                    frames = recorded[start + offset], answered[other_start + offset]
                    self._compare_frame(client, row, *frames)
                continue
            for index in range(start, end):
                self._note(client, f"missing {marks[0][index]}", client.expected[index])
            for index in range(other_start, other_end):
                self._note(client, f"surplus {marks[1][index]}", None)

    def _compare_frame(self, client: Client, row: Json, recorded: Json, answered: Json) -> None:
        lines = find_differences(recorded, answered, ignored=row.get("ignore", []))
        if lines:
            self._note(client, _mark(recorded) + "".join(f"\n    {line}" for line in lines), row)

    def _note(self, client: Client, text: str, row: Json | None) -> None:
        place = f"row {row['number'] + 2} " if row else ""
        self._report.frames.append(f"{client.name}: {place}{text}")


def _mark(frame: Json) -> str:
    """Return what tells one frame from another: its kind, its id, its event."""
    fields = frame.get("fields", {})
    event = fields.get("eventName", "")
    args = [arg for arg in fields.get("args", []) if isinstance(arg, dict | str)]
    what = args[0] if args else ""
    about = what if isinstance(what, str) else what.get("msg", "")
    ends = [frame.get("id"), frame.get("methods"), frame.get("subs"), event, about]
    return " ".join(str(end) for end in [frame.get("msg"), *ends] if end)


def _describe(row: Json, lines: list[str]) -> str:
    title = f"row {row['number'] + 2} {row['method']} {row['path']} {row.get('note', '')}"
    return title.rstrip() + "".join(f"\n    {line}" for line in lines)
