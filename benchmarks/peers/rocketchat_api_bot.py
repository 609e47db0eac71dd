"""RocketChatAPIBot with one command."""

import json
import sys
from pathlib import Path
from typing import Any

from RocketChatBot import RocketChatBot


def main(site: dict[str, Any]) -> None:
    """Answer until killed."""
    account = site["bot"]
    bot = RocketChatBot(account["username"], account["password"], site["url"], "!")

    def ping(words: str, _user: str, room_id: str) -> None:
        bot.send_message(f"pong {words}", room_id)

    bot.add_dm_handler(["ping"], ping)
    bot.run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
