"""How a bot's process starts, takes signals and stops, as its log tells."""

import json
import signal
from importlib.metadata import version
from pathlib import Path

import pytest

from bot.cli.service import find_workspace_version
from tests.support.programs import run_program, write_config
from tests.support.stage import open_stage


async def test_the_log_names_what_runs_and_says_when_it_has_stopped(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        config = write_config(tmp_path / "config.toml", stage.settings)
        async with run_program(config) as program:
            program.process.send_signal(signal.SIGHUP)
            ignored = await program.wait_for_log("SIGHUP is ignored")
            await program.wait_for_log('"started"')  # it asks the workspace before it says so
            assert await program.stop() == 0
        lines = [json.loads(line) for line in program.log]
    assert json.loads(ignored)["level"] == "warning"
    by_event = {line["event"]: line for line in lines}
    started = by_event["started"]
    assert started["version"] == version("session-bot")
    assert started["workspace"] == stage.simulator.url
    assert started["rocket_chat"] == "8.3"
    assert started["database"] == f"{tmp_path}/bot.db"
    assert started["public_url"].startswith("http://127.0.0.1:")
    assert {"starting", "started", "listening", "stopping"} <= by_event.keys()
    assert lines[-1]["event"] == "stopped"
    # The libraries that make the tables and share the work say nothing of their own at INFO.
    loggers = {line["logger"].partition(".")[0] for line in lines}
    assert not {"alembic", "procrastinate", "sqlalchemy"} & loggers
    assert by_event["made the tables"]["logger"] == "storage"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_does_not_wait_for_what_hangs(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        config = write_config(tmp_path / "config.toml", stage.settings)
        async with run_program(config) as program:
            await program.wait_until_listening()
            stage.simulator.faults.hang("rooms.info")
            stage.invite("alice").say("!help")
            await stage.wait_for_calls("rooms.info")
            program.process.send_signal(how)
            await program.wait_for_log("stopping")
            assert await program.stop(how) == 1
        assert "signalled twice; ended by force" in program.log[-1]


async def test_a_version_that_cannot_be_learned_stops_nothing(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        stage.simulator.faults.fail_next("/api/info", status=404, body="{}", times=9)
        assert await find_workspace_version(stage.bot) == "unknown"
        stage.simulator.faults.clear()
        assert await find_workspace_version(stage.bot) == "8.3"
