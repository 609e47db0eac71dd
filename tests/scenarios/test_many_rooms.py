"""Catching up in a thousand rooms that have all changed."""

from pathlib import Path

import aiohttp

from tests.support.stage import Stage, open_stage

ROOMS = 1000
# Each room comes with its last message; ten thousand rooms with short ones are as much.
LAST = "Thank you, that was all that I wanted to know. " * 120
MIB = 1024 * 1024


def fill(stage: Stage) -> None:
    workspace, bot = stage.simulator.workspace, stage.people.bot
    for number in range(ROOMS):
        guest = workspace.add_user(f"guest{number}")
        workspace.say(bot, workspace.direct_room(guest, bot), LAST)


async def measure_rooms(stage: Stage) -> int:
    bot, token = stage.people.bot, stage.people.bot_token
    headers = {"X-Auth-Token": token, "X-User-Id": bot.id}
    url = f"{stage.simulator.url}/api/v1/rooms.get"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        return len(await response.read())


async def test_a_list_of_changed_rooms_of_ten_mebibytes_is_caught_up_on(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        alice = stage.invite("alice")
        async with stage.run_bot():
            pass
        fill(stage)
        alice.ask("one")
        assert await measure_rooms(stage) > 10 * MIB
        async with stage.run_bot():
            await alice.wait_for_answers("one")
        histories = sum(each.path.endswith("im.history") for each in stage.simulator.requests)
        assert histories >= ROOMS
