"""An echo bot on rocketchat_API, which is used as it is; it asks for messages all the time."""

import json
import sys
import time
from typing import Any

import requests
from rocketchat_API.rocketchat import RocketChat


def main(site: dict[str, Any]) -> None:
    """Answer until killed; ask again where the server cannot be reached."""
    answered: set[str] = set()
    chat = RocketChat(site["username"], site["password"], server_url=site["url"])
    while True:
        try:
            answer_new(chat, site["username"], answered)
        except requests.RequestException:
            time.sleep(0.05)
        time.sleep(0.05)


def answer_new(chat: RocketChat, own_name: str, answered: set[str]) -> None:
    """Answer what others have said in direct messages since the last time."""
    for room in list(chat.dm_list()):
        for message in reversed(list(chat.dm_history(room["_id"]))):
            if message["_id"] in answered or message["u"]["username"] == own_name:
                continue
            chat.chat_post_message(f"echo {message['msg']}", room_id=room["_id"])
            answered.add(message["_id"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
