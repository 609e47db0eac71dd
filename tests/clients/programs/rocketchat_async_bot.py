"""An echo bot on rocketchat-async, which is used as it is; it connects again after a cut."""

import asyncio
import json
import sys
from typing import Any

from rocketchat_async import RocketChat


async def main(site: dict[str, Any]) -> None:
    """Answer until killed."""
    while True:
        try:
            await listen(RocketChat(), site)
        except (RocketChat.ConnectionClosed, RocketChat.ConnectCallFailed):
            await asyncio.sleep(0.1)


async def listen(chat: RocketChat, site: dict[str, Any]) -> None:
    """Connect, log in with a password, subscribe, and answer until the connection ends."""
    tasks = set()

    def hear(message: dict[str, Any]) -> None:
        if message["u"]["username"] != site["username"]:
            sending = asyncio.create_task(
                chat.send_message(f"echo {message['msg']}", message["rid"])
            )
            tasks.add(sending)
            sending.add_done_callback(tasks.discard)

    address = site["url"].replace("http", "ws", 1) + "/websocket"
    await chat.start(address, site["username"], site["password"])
    await chat.subscribe_to_channel_messages_raw("__my_messages__", hear)
    await chat.run_forever()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
