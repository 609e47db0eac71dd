"""What a real server said over the websocket, the simulated workspace says too."""

from pathlib import Path

import pytest

from tests.simulator.replay import SAMPLES, Replay

WITH_FRAMES = [
    "community-6.5.jsonl",
    "community-8.3.jsonl",
    "device-management-6.5.jsonl",
    "presence-6.5.jsonl",
    "presence-8.3.jsonl",
]


@pytest.mark.parametrize("name", WITH_FRAMES)
async def test_frames_come_in_the_recorded_order_and_shape(name: str) -> None:
    path: Path = SAMPLES / name

    report = await Replay(path).run()

    if report.frames:
        pytest.fail(f"{len(report.frames)} frames\n" + "\n".join(report.frames), pytrace=False)
