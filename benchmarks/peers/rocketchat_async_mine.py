"""rocketchat-async with the one subscription to ``__my_messages__``."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from rocketchat_async import RocketChat


async def main(site: dict[str, Any]) -> None:
    """Answer until killed; connect again as its README does."""
    address = site["url"].replace("http", "ws", 1) + "/websocket"
    async with aiohttp.ClientSession() as http:
        while True:
            try:
                await listen(RocketChat(), address, site, http)
            except (RocketChat.ConnectionClosed, RocketChat.ConnectCallFailed):
                await asyncio.sleep(5)


async def listen(
    rc: RocketChat, address: str, site: dict[str, Any], http: aiohttp.ClientSession
) -> None:
    """Connect, subscribe and listen until the connection ends."""
    bot, tokens = site["bot"], {each["user_id"]: each["token"] for each in site["people"]}
    tasks = set()

    async def answer(room_id: str, user_id: str, key: str, text: str) -> None:
        shown = f"pong {key}"
        if text.startswith("!session "):
            query = {"sessionId": text.removeprefix("!session ")}
            headers = {"X-User-Id": user_id, "X-Auth-Token": tokens[user_id]}
            url = site["url"] + "/api/v1/sessions/info"
            async with http.get(url, params=query, headers=headers) as response:
                shown = f"{key} {await response.json()}"
        await rc.send_message(shown, room_id)

    def hear(
        room_id: str, user_id: str, key: str, _thread: str, text: str,
        _qualifier: str, _unread: object, repeated: object,
    ) -> None:  # fmt: skip
        if user_id == bot["user_id"] or repeated or not text.startswith("!"):
            return
        task = asyncio.create_task(answer(room_id, user_id, key, text))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    await rc.resume(address, bot["username"], bot["token"])
    await rc.subscribe_to_channel_messages("__my_messages__", hear)
    await rc.run_forever()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
