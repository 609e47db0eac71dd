"""rocketchat-async as its README shows it: password, every room subscribed, flags not looked at."""

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

from rocketchat_async import RocketChat


async def main(address: str, username: str, password: str) -> None:
    """Answer until killed."""
    while True:
        try:
            rc = RocketChat()
            await rc.start(address, username, password)
            hear = make_callback(rc)
            for channel_id, _channel_type in await rc.get_channels():
                await rc.subscribe_to_channel_messages(channel_id, hear)
            await rc.run_forever()
        except (RocketChat.ConnectionClosed, RocketChat.ConnectCallFailed):
            await asyncio.sleep(random.uniform(4, 8))  # noqa: S311 - the README's


def make_callback(rc: RocketChat) -> Any:
    """Make the callback that answers."""
    tasks = set()

    def hear(
        channel_id: str, sender_id: str, msg_id: str, _thread_id: str, msg: str,
        _qualifier: str, _unread: object, _repeated: object,
    ) -> None:  # fmt: skip
        if sender_id == rc.user_id or not msg.startswith("!"):
            return
        task = asyncio.create_task(rc.send_message(f"pong {msg_id}", channel_id))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return hear


if __name__ == "__main__":
    site = json.loads(Path(sys.argv[1]).read_text())
    socket = site["url"].replace("http", "ws", 1) + "/websocket"
    asyncio.run(main(socket, site["bot"]["username"], site["bot"]["password"]))
