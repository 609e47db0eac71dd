"""The workspace with its people, before anything goes wrong."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rocketchat_simulator import Room, Simulator, open_person
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.stress.torture.crowd import Member
from tests.support.stage import Conversation

CHANNELS = 4
_PLENTY = 100_000


@dataclass(frozen=True)
class World:
    """Who and what there is."""

    simulator: Simulator
    people: DemoPeople
    members: Sequence[Member]
    channels: Sequence[Room]
    key: str


@asynccontextmanager
async def open_world(people: int, skew: timedelta, *, is_streamer: bool) -> AsyncIterator[World]:
    """Open a workspace whose clock is ``skew`` off, with so many people."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            Simulator(
                limit_calls=_PLENTY, now=lambda: datetime.now(UTC) + skew, is_streamer=is_streamer
            )
        )
        workspace = simulator.workspace
        demo = seed(workspace)
        users = [workspace.add_user(f"person{number}") for number in range(people)]
        channels = [
            workspace.make_channel(f"room{number}", [*users, demo.bot])
            for number in range(CHANNELS)
        ]
        members = [Member(user, workspace.direct_room(user, demo.bot)) for user in users]
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        yield World(simulator, demo, members, channels, key)


async def connect(world: World, member: Member) -> None:
    """Connect somebody as people do: link, token, page."""
    user = member.user
    async with open_person(world.simulator.url, user.username, user.password) as person:
        conversation = Conversation(person, member.direct.id)
        async with asyncio.timeout(60):
            link = await conversation.ask_for_link()
            token = await person.make_personal_access_token("session bot")
            status, page = await person.fill_in(link, user_id=person.user_id, token=token)
            assert status == 200, page
            await conversation.hear()
    member.token = token
