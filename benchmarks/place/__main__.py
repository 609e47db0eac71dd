"""``python -m benchmarks.place``: a simulated workspace in a process of its own.

Reads orders from standard input and answers on standard output, a line of JSON each. The first
line in is the plan, the first line out the site.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.place.orders import Orders
from benchmarks.place.plan import Account, Plan, Site
from benchmarks.place.talk import Talk
from rocketchat_simulator import Simulator, User, Workspace
from rocketchat_simulator.demo.devices import CHROME_MAC

_MAX_LINE = 64 * 1024 * 1024


async def serve() -> None:
    """Serve one plan until standard input ends."""
    orders_in = await _open_input()
    plan = Plan(**json.loads(await orders_in.readline()))
    async with _make_simulator(plan) as simulator:
        bot, site = seed(simulator.workspace, plan, simulator.url)
        orders = Orders(simulator, Talk(simulator.workspace, bot, site.people))
        _tell(asdict(site))
        while line := await orders_in.readline():
            order = json.loads(line)
            _tell(await orders.carry_out(order.pop("do"), order))


def seed(workspace: Workspace, plan: Plan, url: str) -> tuple[User, Site]:
    """Fill the workspace."""
    bot = workspace.add_user("sessions", "Sessions", roles=("user", "bot"))
    people = [_add_person(workspace, bot, number, plan.sessions) for number in range(plan.people)]
    for number in range(plan.channels):
        workspace.make_channel(f"room{number}", [bot])
    token = workspace.make_personal_access_token(bot, "benchmark")
    account = Account(bot.id, bot.username, bot.password, token)
    return bot, Site(url, account, tuple(people))


def _add_person(workspace: Workspace, bot: User, number: int, sessions: int) -> Account:
    user = workspace.add_user(f"person{number}", f"Person {number}", language="en", utc_offset=0)
    room = workspace.direct_room(user, bot)
    token = workspace.make_personal_access_token(user, "session bot")
    session_ids = tuple(f"s{number:08}FeBFJaJ{each}" for each in range(sessions))
    for session_id in session_ids:
        workspace.open_session(
            user,
            session_id=session_id,
            token=token,
            device=CHROME_MAC,
            ip="203.0.113.7",
            host="chat.example.org",
        )
    return Account(user.id, user.username, user.password, token, room.id, session_ids)


def _make_simulator(plan: Plan) -> Simulator:
    return Simulator(
        version=plan.version,
        is_limited=plan.limit_calls is not None,
        limit_calls=plan.limit_calls or 0,
        ping_after=plan.ping_after,
    )


async def _open_input() -> asyncio.StreamReader:
    locale = asyncio.StreamReader(limit=_MAX_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(locale), sys.stdin)
    return locale


def _tell(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
