"""rocketchat-bot-sdk with one command."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rocketchat_bot_sdk import CommandHandler, RocketchatBot


def ping(_bot: RocketchatBot, message: Any) -> None:
    """Answer with the id of what was said."""
    message.reply(f"pong {message.data['_id']}")


async def main(site: dict[str, Any]) -> None:
    """Answer until the connection ends."""
    bot = RocketchatBot(site["url"], api_token=site["bot"]["token"], user_id=site["bot"]["user_id"])
    bot.add_handler(CommandHandler("ping", ping))
    await bot.run_forever()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
