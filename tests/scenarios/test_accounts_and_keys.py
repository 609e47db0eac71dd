"""Token refresh without any question, and the operator's commands for accounts and keys."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.admin.keys import make_first_key
from bot.demo.demo import find_link
from bot.errors import ConfigError
from bot.storage.key_file import load_key_ring
from tests.support.deadlines import DEADLINE_S
from tests.support.programs import run_program, run_to_its_end, write_config
from tests.support.stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, has_oauth=True) as opened:
        yield opened


async def let_hours_pass(stage: Stage, count: int) -> None:
    """Let hours pass until the workspace has been asked for tokens so many times."""
    async with asyncio.timeout(DEADLINE_S):
        while stage.count_calls("/oauth/token") < count:
            await stage.clock.pass_to(stage.clock.now() + timedelta(hours=1))


async def test_a_token_that_nobody_uses_is_renewed_in_time_for_months(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    for week in range(1, 5):
        stage.clock.advance(days=8)
        await let_hours_pass(stage, 1 + week)
    assert "signed in as you" in await alice.ask("!sessions")


async def test_a_token_that_died_unnoticed_is_told_to_its_owner_once_with_a_new_link(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.simulator.workspace.oauth.revoke(stage.people.alice)
    stage.clock.advance(days=8)
    await let_hours_pass(stage, 2)
    told = await alice.hear()
    assert "no longer accepts the permission you gave me" in told
    assert "!connect" in told
    assert "not connected" in await alice.ask("!whoami")
    assert (await alice.press_button(find_link({"msg": told}))).status == 200
    assert (await alice.hear()).startswith("You are connected.")
    stage.clock.advance(days=1)
    await alice.expect_silence()
    assert "signed in as you" in await alice.ask("!sessions")


async def test_an_outage_of_days_costs_no_connection(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.simulator.faults.fail_next("/oauth/token", status=502, times=3)
    stage.clock.advance(days=8)
    await let_hours_pass(stage, 2)
    assert "signed in as you" in await alice.ask("!sessions")


async def test_the_operator_sees_who_did_what_and_can_make_the_bot_forget(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    await alice.ask("!sessions")
    await alice.ask("!logout 2")
    await alice.ask("!confirm")
    config = write_program_config(stage)
    status, accounts, _ = await run_to_its_end("accounts", "list", "--config", config)
    assert (status, accounts.count("\n")) == (0, 2)
    assert f"alice  {alice.person.user_id}  oauth" in accounts
    _, trail, _ = await run_to_its_end("accounts", "audit", "alice", "--config", config)
    for action in ("connected  oauth", "used  the list of sessions", "logged out a session"):
        assert action in trail
    _, everything, _ = await run_to_its_end("accounts", "audit", "--config", config)
    assert everything == trail
    secrets = stage.simulator.workspace.secrets()
    assert not [each for each in secrets if each in accounts + trail]
    forget = ("accounts", "forget", "alice", "--yes", "--config", config)
    status, erased, _ = await run_to_its_end(*forget)
    assert status == 0
    assert erased.startswith(f"Erased of alice ({alice.person.user_id}): 1 in accounts, ")
    assert "not connected" in await alice.ask("!whoami")
    _, trail, _ = await run_to_its_end("accounts", "audit", "alice", "--config", config)
    assert trail == "0 records\n"


async def test_keys_are_changed_while_the_bot_runs(stage: Stage, tmp_path: Path) -> None:
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    await alice.connect_by_button()
    config = write_program_config(stage)
    key_file = tmp_path / "bot.key"
    _, old, _ = await run_to_its_end("keys", "list", "--config", config)
    old_id = old.split()[0]
    assert old == f"{old_id}  seals and opens  2 tokens\n"
    status, made, _ = await run_to_its_end("keys", "new", "--config", config)
    assert (status, key_file.stat().st_mode & 0o777) == (0, 0o600)
    new_id = made.split()[3].strip(",")
    await bob.connect()
    assert "`!session 1`" in await alice.ask("!sessions")
    _, both, _ = await run_to_its_end("keys", "list", "--config", config)
    assert both == f"{new_id}  seals and opens  1 token\n{old_id}  opens  2 tokens\n"
    status, rotated, _ = await run_to_its_end("keys", "rotate", "--config", config)
    assert (status, rotated.splitlines()[-1]) == (0, "All tokens are sealed with the first key.")
    for each in (alice, bob):
        assert "`!session 1`" in await each.ask("!sessions")
    _, after, _ = await run_to_its_end("keys", "list", "--config", config)
    assert after == f"{new_id}  seals and opens  3 tokens\n{old_id}  opens  0 tokens\n"
    keys = [line for line in key_file.read_text().splitlines() if not line.startswith("#")]
    assert not [key for key in keys if key in old + made + both + rotated + after]
    key_file.write_text(f"{keys[0]}\n")
    for each in (alice, bob):
        assert "`!session 1`" in await each.ask("!sessions")
    assert "Chrome 113 on Windows 10" in await alice.ask("!session QoYYFw2t9oKks2niG")


async def test_a_key_is_made_before_there_is_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "vault.key"
    status, told, errors = await run_to_its_end("keys", "new", "--file", str(file))
    assert (status, errors, file.stat().st_mode & 0o777) == (0, "", 0o600)
    ring = load_key_ring((), file, is_creation_allowed=False)
    assert ring.sealing_id.hex() in told
    assert f'[vault]\n  key_file = "{file}"' in told
    content = file.read_text()
    assert content.splitlines()[-1] not in told
    with pytest.raises(ConfigError, match="is there already, and was not changed"):
        _ = [line async for line in make_first_key(file)]
    assert file.read_text() == content


async def test_a_bot_without_the_key_does_not_start_and_deletes_nothing(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        await alice.connect()
        config = write_program_config(stage)
        _, listed, _ = await run_to_its_end("keys", "list", "--config", config)
        key_file, key_id = tmp_path / "bot.key", listed.split()[0]
        right = key_file.read_text()
        key_file.write_text("A" * 43 + "=\n")
        status, _, problem = await run_to_its_end("run", "--config", config)
        assert status == 2
        assert key_id in problem
        assert "Nothing was deleted" in problem
        _, listed, _ = await run_to_its_end("keys", "list", "--config", config)
        assert f"{key_id}  MISSING  1 token" in listed
        key_file.unlink()
        status, _, problem = await run_to_its_end("run", "--config", config)
        assert (status, "restore it" in problem) == (2, True)
        key_file.write_text(right)
        key_file.chmod(0o600)
        assert "signed in as you" in await alice.ask("!sessions")


async def test_taking_oauth_out_of_the_settings_is_warned_of(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        await (await stage.meet("alice")).connect_by_button()
    with capture_logs() as logs:
        async with open_stage(tmp_path):
            pass
    (warning,) = [each for each in logs if each["event"].startswith("[oauth] is not set")]
    assert (warning["log_level"], warning["accounts"]) == ("warning", 1)


def write_program_config(stage: Stage) -> str:
    return str(write_config(stage.folder / "operator.toml", stage.settings))


async def test_no_line_of_a_command_controls_the_terminal(stage: Stage, tmp_path: Path) -> None:
    config = str(write_config(tmp_path / "config.toml", stage.settings))
    status, output, errors = await run_to_its_end(
        "accounts", "forget", "\x1b[2Jmallory", "--yes", "--config", config
    )
    assert (status, output) == (1, "")
    assert r"Nothing is stored about \u001b[2Jmallory" in errors
    missing = str(tmp_path / "\x1b[2J.toml")
    _, _, errors = await run_to_its_end("accounts", "list", "--config", missing)
    assert "\x1b" not in errors
    assert "does not exist" in errors


async def test_files_that_everybody_may_read_are_warned_of(stage: Stage, tmp_path: Path) -> None:
    await stage.stop_bots()
    config = write_config(tmp_path / "config.toml", stage.settings)
    database = tmp_path / "bot.db"
    for mode, is_public in ((0o640, False), (0o644, True)):
        config.chmod(mode)
        database.chmod(mode)
        async with run_program(config) as program:
            found = [line for line in program.log if "every user of this machine" in line]
        assert [str(file) in "".join(found) for file in (config, database)] == [is_public] * 2
