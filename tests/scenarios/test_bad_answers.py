"""What people see when the workspace or a device sends something unexpected."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config import BotSettings
from bot.formatting.text import MESSAGE_LIMIT, utf16_length
from rocketchat_simulator import Simulator
from tests.support.deadlines import SLOWNESS
from tests.support.stage import QUICKLY, VERSIONS, Stage, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"
HOSTILE = "*bold* @all [x](https://evil.example)\n# big\n> quote `code` " + "x" * 10_000
REQUEST_TIMEOUT_S = 0.3 * SLOWNESS
QUICK_TO_TIME_OUT = replace(QUICKLY, request_timeout_s=REQUEST_TIMEOUT_S)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, overrides=QUICK_TO_TIME_OUT) as opened:
        yield opened


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ({"status": 500, "body": "Internal Server Error"}, "did not answer me"),
        ({"status": 502, "body": "<html>Bad Gateway</html>"}, "did not answer me"),
        ({"status": 200, "body": "<!DOCTYPE html>"}, "an answer that I do not understand"),
        (
            {"status": 200, "body": "{not json", "content_type": "application/json"},
            "an answer that I do not understand",
        ),
        ({"status": 200, "delay": 4 * REQUEST_TIMEOUT_S}, "did not answer me"),
        ({"status": 403, "body": "<html>Forbidden</html>"}, "an answer that I do not understand"),
    ],
    ids=["500", "502", "HTML", "broken JSON", "time-out", "a proxy's 403"],
)
async def test_a_bad_answer_is_one_clear_sentence(
    stage: Stage, failure: dict[str, object], sentence: str
) -> None:
    alice = await stage.meet_connected("alice")
    stage.simulator.faults.fail_next("sessions/info", times=3, **failure)  # type: ignore[arg-type]
    assert sentence in await alice.ask(f"!session {EXAMPLE}")
    stage.simulator.faults.clear()
    assert (await alice.ask(f"!session {EXAMPLE}")).startswith("Chrome 113")


def add_hostile_devices(simulator: Simulator) -> None:
    workspace = simulator.workspace
    alice = workspace.find_user_by_name("alice")
    assert alice is not None
    device = {"type": HOSTILE, "name": HOSTILE, "longVersion": HOSTILE, "version": HOSTILE}
    for number in range(12):
        workspace.open_session(
            alice,
            session_id=f"hostile{number:010}",
            token=workspace.make_login_token(alice),
            device=device | {"os": {"name": HOSTILE, "version": HOSTILE}},
            ip=f"{number} {HOSTILE}",
            host=HOSTILE,
        )


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hostile_device_is_shown_without_its_tricks(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, arrange=add_hostile_devices) as stage:
        alice = await stage.meet_connected("alice")
        for question in ("!session hostile0000000003", "!sessions", "!logout others", "!name 2 x"):
            answer = await alice.ask(question)
            assert "∗bold∗" in answer, question  # noqa: RUF001 - made harmless
            assert "@all" not in answer
            assert "](" not in re.sub(r"`[^`]*`", "", answer)
            assert utf16_length(answer) < MESSAGE_LIMIT


def add_five_hundred_sessions(simulator: Simulator) -> None:
    workspace = simulator.workspace
    alice = workspace.find_user_by_name("alice")
    assert alice is not None
    for number in range(500):
        token = workspace.make_login_token(alice)
        workspace.open_session(
            alice, token=token, ip=f"192.0.2.{number % 250}", device={"name": f"Client {number}"}
        )


async def test_five_hundred_sessions_are_counted_paged_and_found(tmp_path: Path) -> None:
    async with open_stage(tmp_path, arrange=add_five_hundred_sessions) as stage:
        alice = await stage.meet_connected("alice")
        answer = await alice.ask("!sessions")
        assert "devices are signed in as you" in answer
        assert "Page 1 of " in answer
        assert utf16_length(answer) < MESSAGE_LIMIT
        assert "Client 249" in await alice.ask("!sessions 192.0.2.249")


async def test_another_prefix_is_used_and_shown(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bot=BotSettings(prefix="?")) as stage:
        alice = await stage.meet("alice")
        assert "`?session" in await alice.ask("?help")
        assert "I tell you which devices" in await alice.ask("!help")
