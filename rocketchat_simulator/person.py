"""A user with a Rocket.Chat client and a browser, for tests and the demo.

It works against the simulated workspace and against a real one.
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

_RETRY_PAUSE_S: Final = 0.3
_LOGIN_TIMEOUT_S: Final = 10.0
_CONSENT_FIELDS: Final = ("client_id", "redirect_uri", "response_type", "state")
_HIDDEN_FIELD: Final = re.compile(r'name="(\w+)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Visit:
    """The response to a browser: ``page`` is its body, ``location`` a redirect not followed."""

    url: str
    status: int
    page: str = field(repr=False)
    location: str = field(default="", repr=False)


@dataclass(slots=True)
class Person:
    """A user who is logged in over REST and over a websocket.

    ``activities`` are the arguments of the ``user-activity`` events received so far.
    """

    url: str
    user_id: str
    username: str
    token: str = field(repr=False)
    _http: aiohttp.ClientSession
    _socket: aiohttp.ClientWebSocketResponse
    _unread: deque[Json] = field(default_factory=deque)
    activities: list[list[Any]] = field(default_factory=list)

    async def call(self, method: str, route: str, **arguments: Any) -> Json:  # noqa: ANN401 - aiohttp's own
        """Call a REST route (such as ``im.create``) as this user; return the JSON response."""
        headers = {"X-User-Id": self.user_id, "X-Auth-Token": self.token}
        async with self._http.request(
            method, f"{self.url}/api/v1/{route}", headers=headers, **arguments
        ) as response:
            answer: Json = await response.json()
        return answer

    async def open_direct_room(self, *usernames: str) -> str:
        """Return the id of the direct message with these users; it is made if there is none."""
        names = {"usernames": ",".join(usernames)} if len(usernames) > 1 else {}
        answer = await self.call("POST", "im.create", json=names or {"username": usernames[0]})
        return str(answer["room"]["rid"])

    async def say(self, room_id: str, text: str, **extra: Any) -> Json:  # noqa: ANN401 - message fields
        """Send a message; ``extra`` are further fields of it, as ``tmid``.

        Return the stored message; raise RuntimeError if the workspace refuses it.
        """
        body = {"message": {"rid": room_id, "msg": text, **extra}}
        answer = await self.call("POST", "chat.sendMessage", json=body)
        while "too-many-requests" in str(answer.get("error")):
            # From 8.8 on, the limit is five messages a second.
            await asyncio.sleep(_RETRY_PAUSE_S)
            answer = await self.call("POST", "chat.sendMessage", json=body)
        if not answer.get("success"):
            problem = f"the workspace refused the message: {answer.get('error')}"
            raise RuntimeError(problem)
        stored: Json = answer["message"]
        return stored

    async def press(self, message: Json, label: str) -> Json:
        """Press a button under a message, as the web client does: say its text in the same room.

        Return the stored message; raise LookupError where no such button is drawn.
        """
        for action in find_buttons(message):
            if action["text"] == label and not action.get("url"):
                thread = {"tmid": message["tmid"]} if message.get("tmid") else {}
                return await self.say(message["rid"], action["msg"], **thread)
        problem = f"no button {label!r} under the message"
        raise LookupError(problem)

    async def hear(self, room_id: str | None = None, *, seconds: float = 10.0) -> Json:
        """Wait for the next message of another user; raise TimeoutError if there is none."""
        async with asyncio.timeout(seconds):
            while True:
                for message in list(self._unread):
                    if room_id in {None, message["rid"]}:
                        self._unread.remove(message)
                        return message
                await self._listen()

    async def watch_activity(self, room_id: str) -> None:
        """Subscribe to ``user-activity`` in a room, which tells who is typing."""
        stream = {"msg": "sub", "id": f"activity {room_id}", "name": "stream-notify-room"}
        await self._socket.send_json(stream | {"params": [f"{room_id}/user-activity", False]})
        await self._listen_until("ready")

    async def make_personal_access_token(self, name: str) -> str:
        """Return a new personal access token, as the profile page makes it."""
        answer = await self.call(
            "POST", "users.generatePersonalAccessToken", json={"tokenName": name}
        )
        return str(answer["token"])

    async def fill_in(self, link: str, **fields: str) -> tuple[int, str]:
        """Open a page, fill in its form and send it; return the status and the next page.

        If the page has no form, its own status and text are returned.
        """
        async with self._http.get(link) as response:
            status, page = response.status, await response.text()
        if "<form" not in page:
            return status, page
        return await self.send_form(link, dict(_HIDDEN_FIELD.findall(page)) | fields)

    async def open_form(self, link: str) -> dict[str, str]:
        """Open a page and return the hidden fields of its form."""
        async with self._http.get(link) as response:
            return dict(_HIDDEN_FIELD.findall(await response.text()))

    async def send_form(self, link: str, fields: dict[str, str]) -> tuple[int, str]:
        """Send a form with this browser's cookies; return the status and the next page."""
        async with self._http.post(link, data=fields) as response:
            return response.status, await response.text()

    async def visit(
        self, link: str, fields: dict[str, str] | None = None, *, follows: bool = True
    ) -> Visit:
        """Open a link in the browser, or send a form there; ``follows`` redirects or not."""
        method = "GET" if fields is None else "POST"
        async with self._http.request(
            method, link, data=fields, allow_redirects=follows
        ) as response:
            location = response.headers.get("Location", "")
            return Visit(str(response.url), response.status, await response.text(), location)

    async def answer_consent(self, address: str, *, allows: bool = True) -> Visit:
        """Answer the workspace's consent page; return the response with its ``location``.

        On a real server the page is JavaScript, so its form is posted directly: as seen on 6.5.3
        and 8.3, with the state in the URL.
        """
        query = dict(parse_qsl(urlsplit(address).query))
        fields = {name: query.get(name, "") for name in _CONSENT_FIELDS}
        answer = {"token": self.token, "allow": "yes" if allows else "no"}
        return await self.visit(address, fields | answer, follows=False)

    async def authorize(
        self, link: str, fields: dict[str, str] | None = None, *, allows: bool = True
    ) -> Visit:
        """Open an application's link, answer the consent page, and follow its redirect.

        If the application does not redirect to the consent page, its response is returned.
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
                self._unread.append(message)

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
        """Log in on the websocket and subscribe to messages; earlier ones are not received."""
        send = self._socket.send_json
        await send({"msg": "connect", "version": "1", "support": ["1"]})
        await self._listen_until("connected")
        login = {"msg": "method", "id": "1", "method": "login", "params": [{"resume": self.token}]}
        await send(login)
        await self._listen_until("result")
        stream = {"msg": "sub", "id": "2", "name": "stream-room-messages"}
        await send(stream | {"params": ["__my_messages__", False]})
        await self._listen_until("ready")


def find_buttons(message: Json) -> list[Json]:
    """Return the buttons with words that the web client draws under a message, in order.

    Source: ``ActionAttachtment.tsx``, 8.3.
    """
    return [
        action
        for attachment in message.get("attachments") or ()
        for action in attachment.get("actions") or ()
        if action.get("type") == "button"
        and action.get("text")
        and (action.get("url") or action.get("msg_in_chat_window"))
    ]


@asynccontextmanager
async def open_person(url: str, username: str, password: str) -> AsyncIterator[Person]:
    """Log a user in over REST and a websocket until the block ends."""
    # The bot's pages and the workspace are at an IP address; aiohttp drops its cookies by default.
    cookies = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=cookies) as http:
        login = {"user": username, "password": password}
        async with http.post(f"{url}/api/v1/login", json=login) as response:
            found = (await response.json())["data"]
        async with http.ws_connect(f"{url}/websocket", max_msg_size=0) as socket:
            person = Person(url, found["userId"], username, found["authToken"], http, socket)
            async with asyncio.timeout(_LOGIN_TIMEOUT_S):
                await person.start_listening()
            yield person
