"""The typing indicator: shown for slow answers only."""

import asyncio
import time
from pathlib import Path

from bot.dispatcher.typing_indicator import TYPING_AFTER_S
from rocketchat_simulator import Event
from rocketchat_simulator.workspace.events import RoomActivity
from tests.support.deadlines import DEADLINE_S
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


async def see_a_quick_answer(alice: Conversation, seen: "asyncio.Queue[bool]") -> None:
    """Ask until an answer comes as quickly as usual, and see that nothing was shown meanwhile."""
    async with asyncio.timeout(DEADLINE_S):
        took_s = TYPING_AFTER_S
        while took_s >= TYPING_AFTER_S:
            while not seen.empty():
                seen.get_nowait()
            began_at = time.monotonic()
            assert "Firefox" in await alice.ask(f"!session {FIREFOX}")
            took_s = time.monotonic() - began_at
    assert seen.empty()


async def test_a_slow_answer_is_announced_and_a_quick_one_is_not(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet_connected("alice")
        seen = watch(stage, alice)
        await see_a_quick_answer(alice, seen)
        stage.simulator.faults.delay_answer("sessions/list", 1.0)
        assert "devices are signed in as you" in await alice.ask("!sessions")
        async with asyncio.timeout(DEADLINE_S):
            assert await seen.get() is True
            while await seen.get():
                pass
