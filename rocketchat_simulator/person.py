"""A person with a Rocket.Chat client: says things, hears answers, follows links, fills in forms.

Works against the simulated workspace and against a real one; used by the demo and by tests that
tell what a person says and sees.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp

Json = dict[str, Any]

_PATIENCE: Final = 0.3
_CONSENT_FIELDS: Final = ("client_id", "redirect_uri", "response_type", "state")
_HIDDEN_FIELD: Final = re.compile(r'name="(\w+)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a browser ended up; ``page`` is the body, ``location`` where it was not led on to."""

    url: str
    status: int
    page: str = field(repr=False)
    location: str = field(default="", repr=False)


@dataclass(slots=True)
class Person:
    """Somebody who is logged in, over REST and over a websocket."""

    url: str
    user_id: str
    username: str
    token: str = field(repr=False)
    _http: aiohttp.ClientSession
    _socket: aiohttp.ClientWebSocketResponse
    _unheard: deque[Json] = field(default_factory=deque)
    activities: list[list[Any]] = field(default_factory=list)

    async def call(self, method: str, route: str, **arguments: Any) -> Json:  # noqa: ANN401 - aiohttp's own
        """Call a REST route (such as ``im.create``) as this person; return the JSON answer."""
        headers = {"X-User-Id": self.user_id, "X-Auth-Token": self.token}
        async with self._http.request(
            method, f"{self.url}/api/v1/{route}", headers=headers, **arguments
        ) as response:
            answer: Json = await response.json()
        return answer

    async def open_direct_room(self, *usernames: str) -> str:
        """Return the id of the direct message with these people."""
        names = {"usernames": ",".join(usernames)} if len(usernames) > 1 else {}
        answer = await self.call("POST", "im.create", json=names or {"username": usernames[0]})
        return str(answer["room"]["rid"])

    async def say(self, room_id: str, text: str, **extra: Any) -> Json:  # noqa: ANN401 - message fields
        """Say something in a room; ``extra`` are further fields of the message, as ``tmid``."""
        body = {"message": {"rid": room_id, "msg": text, **extra}}
        answer = await self.call("POST", "chat.sendMessage", json=body)
        while "too-many-requests" in str(answer.get("error")):
            # From 8.8 on, five messages a second are the most.
            await asyncio.sleep(_PATIENCE)
            answer = await self.call("POST", "chat.sendMessage", json=body)
        if not answer.get("success"):
            problem = f"the workspace refused the message: {answer.get('error')}"
            raise RuntimeError(problem)
        stored: Json = answer["message"]
        return stored

    async def hear(self, room_id: str | None = None, *, seconds: float = 10.0) -> Json:
        """Wait for the next thing that somebody else says; raise TimeoutError if nobody does."""
        async with asyncio.timeout(seconds):
            while True:
                for message in list(self._unheard):
                    if room_id in {None, message["rid"]}:
                        self._unheard.remove(message)
                        return message
                await self._listen()

    async def watch_activity(self, room_id: str) -> None:
        """Note in ``activities`` who types in a room, while listening."""
        stream = {"msg": "sub", "id": f"activity {room_id}", "name": "stream-notify-room"}
        await self._socket.send_json(stream | {"params": [f"{room_id}/user-activity", False]})
        await self._listen_until("ready")

    async def make_personal_access_token(self, name: str) -> str:
        """Make a personal access token, as on the profile page."""
        answer = await self.call(
            "POST", "users.generatePersonalAccessToken", json={"tokenName": name}
        )
        return str(answer["token"])

    async def fill_in(self, link: str, **fields: str) -> tuple[int, str]:
        """Open a page with a form, fill it in, send it; return the status and the next page.

        A page without a form is given as it is.
        """
        async with self._http.get(link) as response:
            status, page = response.status, await response.text()
        if "<form" not in page:
            return status, page
        return await self.send_form(link, dict(_HIDDEN_FIELD.findall(page)) | fields)

    async def open_form(self, link: str) -> dict[str, str]:
        """Open a page and give the hidden fields of its form."""
        async with self._http.get(link) as response:
            return dict(_HIDDEN_FIELD.findall(await response.text()))

    async def send_form(self, link: str, fields: dict[str, str]) -> tuple[int, str]:
        """Send a form as this browser; return the status and the page that follows."""
        async with self._http.post(link, data=fields) as response:
            return response.status, await response.text()

    async def visit(
        self, link: str, fields: dict[str, str] | None = None, *, follows: bool = True
    ) -> Visit:
        """Open a link in this person's browser, or send a form there; follow redirects or not."""
        method = "GET" if fields is None else "POST"
        async with self._http.request(
            method, link, data=fields, allow_redirects=follows
        ) as response:
            location = response.headers.get("Location", "")
            return Visit(str(response.url), response.status, await response.text(), location)

    async def answer_consent(self, address: str, *, allows: bool = True) -> Visit:
        """Answer the workspace's consent page at this address; ``location`` is where it leads.

        The page itself is JavaScript on a real server, so what it posts is posted: as seen on
        6.5.3 and 8.3, where the state travels in the address.
        """
        query = dict(parse_qsl(urlsplit(address).query))
        fields = {name: query.get(name, "") for name in _CONSENT_FIELDS}
        answer = {"token": self.token, "allow": "yes" if allows else "no"}
        return await self.visit(address, fields | answer, follows=False)

    async def authorize(
        self, link: str, fields: dict[str, str] | None = None, *, allows: bool = True
    ) -> Visit:
        """Go from an application to the consent page, answer it, and go where that leads.

        Gives the visit before the consent page where the application does not lead there.
        """
        visit = await self.visit(link, fields)
        if not visit.url.startswith(f"{self.url}/oauth/authorize"):
            return visit
        answered = await self.answer_consent(visit.url, allows=allows)
        return await self.visit(answered.location) if answered.location else answered

    async def _listen(self) -> None:
        frame = await self._read()
        if frame.get("msg") == "ping":
            await self._socket.send_json({"msg": "pong"})
        if frame.get("collection") == "stream-notify-room":
            self.activities.append(frame["fields"]["args"])
        if frame.get("collection") == "stream-room-messages":
            message: Json = frame["fields"]["args"][0]
            if message["u"]["_id"] != self.user_id:
                self._unheard.append(message)

    async def _read(self) -> Json:
        received = await self._socket.receive()
        if received.type is not aiohttp.WSMsgType.TEXT:
            message = "the workspace closed the connection"
            raise ConnectionError(message)
        frame: Json = json.loads(received.data)
        return frame

    async def _listen_until(self, kind: str) -> None:
        while (await self._read()).get("msg") != kind:
            pass

    async def start_listening(self) -> None:
        """Log in on the websocket and subscribe; what was said before is not heard."""
        send = self._socket.send_json
        await send({"msg": "connect", "version": "1", "support": ["1"]})
        await self._listen_until("connected")
        login = {"msg": "method", "id": "1", "method": "login", "params": [{"resume": self.token}]}
        await send(login)
        await self._listen_until("result")
        stream = {"msg": "sub", "id": "2", "name": "stream-room-messages"}
        await send(stream | {"params": ["__my_messages__", False]})
        await self._listen_until("ready")


@asynccontextmanager
async def open_person(url: str, username: str, password: str) -> AsyncIterator[Person]:
    """Log somebody in; they listen until the block ends."""
    # Bot pages and workspace share the loopback address, whose cookies aiohttp drops by default.
    cookies = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=cookies) as http:
        login = {"user": username, "password": password}
        async with http.post(f"{url}/api/v1/login", json=login) as response:
            found = (await response.json())["data"]
        async with http.ws_connect(f"{url}/websocket", max_msg_size=0) as socket:
            person = Person(url, found["userId"], username, found["authToken"], http, socket)
            async with asyncio.timeout(10):
                await person.start_listening()
            yield person
