"""rocketbotte with two commands, as its README shows them."""

import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
from rocketbotte import Bot, Context


def main(site: dict[str, Any]) -> None:
    """Answer until it gives up."""
    bot = Bot(
        server_url=site["url"], user_id=site["bot"]["user_id"], auth_token=site["bot"]["token"]
    )
    tokens = {each["user_id"]: each["token"] for each in site["people"]}

    @bot.command("ping")  # type: ignore[untyped-decorator]
    async def ping(context: Context, _arguments: str) -> None:
        await context.send_message(f"pong {context.message.id}")

    @bot.command("session")  # type: ignore[untyped-decorator]
    async def session(context: Context, arguments: str) -> None:
        user_id = context.message.author.id
        headers = {"X-User-Id": user_id, "X-Auth-Token": tokens[user_id]}
        url = site["url"] + "/api/v1/sessions/info"
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(url, params={"sessionId": arguments}) as response,
        ):
            await context.send_message(f"{context.message.id} {await response.json()}")

    bot.run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
