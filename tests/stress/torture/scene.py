"""The workspace with its people, before anything goes wrong."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.config import VaultSettings
from rocketchat_simulator import Room
from tests.stress.torture.crowd import Member
from tests.support.message_ids import plant_message_id_key
from tests.support.stage import KEY, Stage, open_stage

_CHANNELS = 4


@dataclass(frozen=True)
class Scene:
    """The workspace, those who talk in it, and the channels that they talk in."""

    stage: Stage
    members: Sequence[Member]
    channels: Sequence[Room]


@asynccontextmanager
async def open_scene(
    folder: Path,
    people: int,
    *,
    skew: timedelta = timedelta(),
    is_streamer: bool = False,
    storage_url: str = "",
) -> AsyncIterator[Scene]:
    """Open a workspace without limits whose clock is ``skew`` off, with so many people."""
    vault = VaultSettings(keys=(KEY,))
    async with open_stage(
        folder,
        bots=0,
        skew=skew,
        is_streamer=is_streamer,
        limit_calls=100_000,
        storage_url=storage_url,
        vault=vault,
    ) as stage:
        workspace, bot = stage.simulator.workspace, stage.people.bot
        users = [workspace.add_user(f"person{number}") for number in range(people)]
        channels = [
            workspace.make_channel(f"room{number}", [*users, bot]) for number in range(_CHANNELS)
        ]
        members = [Member(user, workspace.direct_room(user, bot)) for user in users]
        await plant_message_id_key(stage.settings)
        yield Scene(stage, members, channels)


async def connect(scene: Scene, member: Member) -> None:
    """Connect somebody on the page that the bot links to."""
    guest = scene.stage.invite(member.user.username)
    await guest.connect()
    member.token = guest.token
