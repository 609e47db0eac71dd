"""The typing indicator: shown for slow answers only."""

import asyncio
from pathlib import Path

from rocketchat_simulator import Event
from rocketchat_simulator.workspace.events import RoomActivity
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

FIREFOX = "hQ7rXk2Zs9TtYw3Ab"


def watch(stage: Stage, conversation: Conversation) -> "asyncio.Queue[bool]":
    """Yield what people in the room see: True when typing begins, False when it ends."""
    seen: asyncio.Queue[bool] = asyncio.Queue()

    def look(event: Event) -> None:
        if isinstance(event, RoomActivity) and event.room_id == conversation.room_id:
            seen.put_nowait(bool(event.args[1]))

    stage.simulator.workspace.subscribe(look)
    return seen


async def test_a_slow_answer_is_announced_and_a_quick_one_is_not(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet_connected("alice")
        seen = watch(stage, alice)
        assert "Firefox" in await alice.ask(f"!session {FIREFOX}")
        await alice.expect_silence()
        assert seen.empty()
        stage.simulator.faults.delay_answer("sessions/list", 1.0)
        assert "devices are signed in as you" in await alice.ask("!sessions")
        async with asyncio.timeout(10):
            assert await seen.get() is True
            while await seen.get():
                pass
