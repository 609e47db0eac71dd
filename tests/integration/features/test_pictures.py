import asyncio
import os
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.features.reports.pictures import Pictures
from bot.models import RowKind, Timeline, TimelineRow
from tests.support.deadlines import DEADLINE_S

ROW = TimelineRow("1 · Firefox 131 on Linux", RowKind.KNOWN, ((0.5, 0.9),), (0.5, 0.7))
TIMELINE = Timeline("caption", (ROW, replace(ROW, kind=RowKind.NEW)), ((0.2, "2 Nov"),))
WIDTH = 720


def measure(png: bytes | None) -> tuple[int, int]:
    assert png is not None
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack_from(">II", png, 16)
    return width, height


def write_program(folder: Path, text: str) -> Path:
    program = folder / "program.py"
    program.write_text(text)
    return program


async def test_a_timeline_becomes_a_small_png() -> None:
    png = await Pictures(time.monotonic).draw(TIMELINE)
    width, height = measure(png)
    assert width == WIDTH
    assert 150 < height < 250
    assert len(png or b"") < 20_000


@pytest.mark.parametrize(
    "label",
    [
        "",
        "x" * 500,
        "厨房のタブレット",
        "📱 “tablet”",
        "\u202egnp.exe",
        "a\x00b",
        "اللوحة",
        "\udc00",
    ],
)
async def test_any_name_of_a_device_can_be_drawn(label: str) -> None:
    named = replace(TIMELINE, rows=(replace(ROW, label=label),), more="… and 2 more devices")
    assert measure(await Pictures(time.monotonic).draw(named))[0] == WIDTH


async def test_bars_of_any_length_are_drawn() -> None:
    bars = ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.4, 0.4))
    rows = tuple(replace(ROW, bars=(bar,), marks=bar) for bar in bars)
    assert measure(await Pictures(time.monotonic).draw(replace(TIMELINE, rows=rows)))


@pytest.mark.parametrize(
    "text",
    ["raise SystemExit(3)", "pass", "import sys; sys.stdout.write('x' * 2_000_000)", "1 +"],
    ids=["fails", "says nothing", "too much", "broken"],
)
async def test_a_drawing_that_fails_is_no_picture(text: str, tmp_path: Path) -> None:
    pictures = Pictures(time.monotonic, program=write_program(tmp_path, text))
    assert await pictures.draw(TIMELINE) is None


async def test_a_drawing_that_does_not_end_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    text = (
        f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    program = write_program(tmp_path, text)
    # A busy machine may need more than the first for the program to begin.
    for timeout_s in (1.5, DEADLINE_S):
        pictures = Pictures(time.monotonic, program=program, timeout_s=timeout_s)
        assert await pictures.draw(TIMELINE) is None
        if pid_file.exists():
            break
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_the_drawing_process_gets_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BOT_WORKSPACE__AUTH_TOKEN", "secret")
    text = "import os, sys\nsys.stdout.write(','.join(os.environ) or 'nothing')\n"
    pictures = Pictures(time.monotonic, program=write_program(tmp_path, text))
    told = await pictures.draw(TIMELINE)
    assert b"SESSION_BOT" not in (told or b"")
    assert told


async def test_more_than_two_at_once_are_not_drawn() -> None:
    pictures = Pictures(time.monotonic)
    drawn = await asyncio.gather(*(pictures.draw(TIMELINE) for _ in range(5)))
    assert sum(each is not None for each in drawn) == 2
    assert await pictures.draw(TIMELINE)


async def test_after_a_refusal_none_is_drawn_for_an_hour() -> None:
    now = 5000.0
    pictures = Pictures(lambda: now)
    pictures.pause()
    assert await pictures.draw(TIMELINE) is None
    now += 3601
    assert await pictures.draw(TIMELINE)
