"""No secret is in logs at DEBUG, tracebacks, pages or the process list."""

import asyncio
import io
import sys
from pathlib import Path

import aiohttp
import pytest
import structlog

from tests.support.needs import give_up
from tests.support.people import find_retry
from tests.support.programs import run_program, run_to_its_end, start_program
from tests.support.stage import Stage, open_stage

HOUR = 3600


def read_files(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.iterdir()).decode("latin-1")


def destroy(folder: Path) -> None:
    for path in folder.glob("bot.db*"):
        path.write_bytes(b"no database any more" * 1000)


async def use_all_of_delegation(stage: Stage) -> list[str]:
    """Connect in every way, with refreshes, refusals and outages; return what was shown."""
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    faults, shown = stage.simulator.faults, []
    link = await alice.ask_for_link()
    stage.clock.advance(seconds=1)
    faults.fail_next("/oauth/token", status=503, body="<html>", content_type="text/html")
    page = (await alice.press_button(link)).page
    shown.append(page)
    faults.lose_answer("/oauth/token")
    page = (await alice.press_button(find_retry(page, link))).page
    shown.append(page)
    shown.append((await alice.press_button(find_retry(page, link))).page)
    shown.append(await alice.hear())
    way_back = await alice.get_way_back(await alice.ask_for_link())
    shown.append((await bob.person.visit(way_back)).page)
    shown.append((await bob.press_button(await alice.ask_for_link())).page)
    shown += [await alice.hear(), await bob.hear()]
    shown.append((await bob.paste_token(await bob.ask_for_link()))[1])
    shown.append(await bob.hear())
    stage.clock.advance(seconds=HOUR)
    shown.append(await alice.ask("!sessions"))
    stage.clock.advance(seconds=HOUR)
    faults.lose_answer("/oauth/token")
    shown += [await alice.ask("!sessions"), await alice.ask("!sessions")]
    await alice.connect_by_button()
    # The answer to the question before connecting.
    shown.append(await alice.hear())
    faults.fail_next("me", status=401, body="<html>", content_type="text/html")
    faults.fail_next("sessions/list", status=401, body="{}", content_type="application/json")
    shown += [await alice.ask(text) for text in ("!sessions", "!whoami", "!privacy")]
    token = await alice.person.make_personal_access_token("in the chat")
    shown.append(await alice.ask(f"!session {token}"))
    shown.append(await alice.ask("!disconnect"))
    return shown


async def test_no_secret_of_the_delegation_comes_out(tmp_path: Path, logged: io.StringIO) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        shown = await use_all_of_delegation(stage)
        secrets = stage.simulator.workspace.secrets()
    stored = read_files(tmp_path)
    outputs = {"logs": logged.getvalue(), "replies and pages": "\n".join(shown), "files": stored}
    assert len(secrets) > 30
    for words in ("asked for tokens", "refreshed a token", "disconnected"):
        assert words in outputs["logs"]
    for where, output in outputs.items():
        assert not [secret for secret in secrets if secret in output], where


async def test_secrets_are_not_even_handed_to_the_logs(tmp_path: Path) -> None:
    # Before the filter that replaces everything as long as a secret.
    with structlog.testing.capture_logs() as events:
        async with open_stage(tmp_path, has_oauth=True) as stage:
            await use_all_of_delegation(stage)
            secrets = stage.simulator.workspace.secrets()
    handed = repr(events)
    assert "refreshed a token" in handed
    assert not [secret for secret in secrets if secret in handed]


async def test_a_traceback_shows_no_secret(tmp_path: Path, logged: io.StringIO) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        way_back = await alice.get_way_back(await alice.ask_for_link())
        destroy(tmp_path)
        visit = await alice.person.visit(way_back)
        assert visit.status == 503
        secrets = stage.simulator.workspace.secrets()
    assert "Traceback" in logged.getvalue()
    assert not [each for each in secrets if each in logged.getvalue() + visit.page]


async def test_the_health_pages_show_no_secret_and_no_user(tmp_path: Path) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        await alice.connect_by_button()
        shown = ""
        async with aiohttp.ClientSession() as anybody:
            for path in ("healthz", "readyz", "metrics"):
                async with anybody.get(f"{stage.bot.public_url}/{path}") as answer:
                    shown += await answer.text()
        secrets = stage.simulator.workspace.secrets() | {alice.person.user_id}
    assert not [each for each in secrets if each in shown]


async def test_the_process_list_shows_no_secret(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        give_up("reads /proc")
    async with start_program("simulate", "--port", "0") as simulator:
        printed = await simulator.wait_for_output("alice_password")
        config = tmp_path / "config.toml"
        config.write_text(
            printed.partition("[people]")[0] + '\n[oauth]\nclient_id = "WXm8H9X4iw5yzxhzA"\n'
            'client_secret = "not-for-everybody"\n[web]\nport = 0\n'
            f'[storage]\nurl = "sqlite:///{tmp_path / "bot.db"}"\n'
        )
        async with run_program(config) as bot:
            command_line = await asyncio.to_thread(
                Path(f"/proc/{bot.process.pid}/cmdline").read_text, "utf-8"
            )
    assert "run" in command_line
    token = printed.partition('auth_token = "')[2].partition('"')[0]
    for secret in (token, "not-for-everybody"):
        assert len(secret) > 10
        assert secret not in command_line


CRASH = """
from bot.cli import main
from bot.cli.program import program
from bot.logs import open_logs

@program.command("crash")
def crash(style: str) -> None:
    if style != "none":
        open_logs("INFO", style)
    raise ValueError("X-Auth-Token: " + "k3Y" * 15)

main()
"""


@pytest.mark.parametrize("style", ["none", "text", "json"])
async def test_a_crash_is_logged_without_secrets(style: str) -> None:
    command = (sys.executable, "-c", CRASH, "crash", style)
    status, printed, errors = await run_to_its_end(command=command)
    assert (status, printed) == (1, "")
    assert "the program failed" in errors
    assert "ValueError: X-Auth-Token: [struck out]" in errors
    assert "k3Yk3Y" not in errors
