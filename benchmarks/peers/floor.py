"""The floor: as little as can answer at all. No inbox, no sealing, no retries, no reconnection.

It makes the same REST calls as our bot does for the same commands, on the same libraries.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from websockets.client import connect


async def main(site: dict[str, Any]) -> None:
    """Answer until killed."""
    bot, tokens = site["bot"], {each["user_id"]: each["token"] for each in site["people"]}
    address = site["url"].replace("http", "ws", 1) + "/websocket"
    async with (
        aiohttp.ClientSession() as http,
        connect(address) as ws,
    ):
        await ws.send('{"msg":"connect","version":"1","support":["1"]}')
        login = {"msg": "method", "method": "login", "id": "1"}
        await ws.send(json.dumps(login | {"params": [{"resume": bot["token"]}]}))
        mine = {"msg": "sub", "id": "2", "name": "stream-room-messages"}
        await ws.send(json.dumps(mine | {"params": ["__my_messages__", False]}))
        await listen(ws, http, site["url"] + "/api/v1/", bot, tokens)


async def listen(
    ws: Any, http: aiohttp.ClientSession, api: str, bot: dict[str, str], tokens: dict[str, str]
) -> None:
    """Read frames; every command is a task."""
    tasks = set()
    async for text in ws:
        frame = json.loads(text)
        if frame["msg"] == "ping":
            await ws.send('{"msg":"pong"}')
        if frame["msg"] != "changed":
            continue
        message = frame["fields"]["args"][0]
        if message["u"]["_id"] != bot["user_id"] and message["msg"].startswith("!"):
            task = asyncio.create_task(answer(http, api, bot, tokens, message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def answer(
    http: aiohttp.ClientSession,
    api: str,
    bot: dict[str, str],
    tokens: dict[str, str],
    message: dict[str, Any],
) -> None:
    """Answer one command."""
    text = f"pong {message['_id']}"
    attachments: list[Any] = []
    word, _, session_id = message["msg"].partition(" ")
    if word == "!session":
        user_id = message["u"]["_id"]
        headers = {"X-User-Id": user_id, "X-Auth-Token": tokens[user_id]}
        async with http.get(
            api + "sessions/info", params={"sessionId": session_id}, headers=headers
        ) as response:
            text, attachments = show(message["_id"], await response.json())
    headers = {"X-User-Id": bot["user_id"], "X-Auth-Token": bot["token"]}
    sent = {"rid": message["rid"], "msg": text, "attachments": attachments}
    async with http.post(
        api + "chat.sendMessage", json={"message": sent}, headers=headers
    ) as response:
        await response.read()


def show(key: str, session: dict[str, Any]) -> tuple[str, list[Any]]:
    """Write a session down, about as long as our bot does."""
    device = session["device"]
    fields = [
        {"short": True, "title": title, "value": str(value)}
        for title, value in (
            ("Device", f"{device['name']} {device['version']}"),
            ("System", f"{device['os']['name']} {device['os']['version']}"),
            ("Signed in", session["loginAt"]),
            ("Address", session["ip"]),
            ("Host", session["host"]),
            ("Session", session["sessionId"]),
        )
    ]
    return f"Your session {session['sessionId']} {key}", [{"fields": fields}]


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
