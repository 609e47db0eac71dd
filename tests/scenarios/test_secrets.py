"""A scenario at DEBUG, then a search for each secret in all logs, replies and files."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.logs import open_logs
from tests.support.stage import Stage, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"


@pytest.fixture(params=["text", "json"])
def logged(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    open_logs("DEBUG", request.param, stream)
    yield stream
    structlog.reset_defaults()


def read_files(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.iterdir()).decode("latin-1")


async def use_everything(stage: Stage) -> list[str]:
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    link = await alice.ask_for_link(f"!session {EXAMPLE}")
    token = await alice.person.make_personal_access_token("session bot")
    foreign = await bob.person.make_personal_access_token("session bot")
    user_id = alice.person.user_id
    pages = [
        await alice.person.fill_in(link, user_id=user_id, token="not a token"),
        await bob.person.fill_in(link, user_id=bob.person.user_id, token=foreign),
    ]
    heard = [await alice.hear(), await bob.hear()]
    link = await alice.ask_for_link(f"!session {EXAMPLE}")
    pages.append(await alice.person.fill_in(link, user_id=user_id, token=token))
    heard += [await alice.hear(), await alice.hear()]
    for said in ("!sessions", "!whoami", "!privacy", "!logout others 1", "!confirm", "!xyzzy"):
        heard.append(await alice.ask(said))
    stage.simulator.faults.fail_next("sessions/info", status=500, times=3)
    heard.append(await alice.ask(f"!session {EXAMPLE}"))
    stage.simulator.faults.fail_next("sessions/info", status=200, body="<html>", times=1)
    heard.append(await alice.ask(f"!session {EXAMPLE}"))
    return heard + [page for _, page in pages]


async def test_no_secret_comes_out_anywhere(tmp_path: Path, logged: io.StringIO) -> None:
    async with open_stage(tmp_path) as stage:
        shown = await use_everything(stage)
        secrets = stage.simulator.workspace.secrets()
    stored = read_files(tmp_path)
    outputs = {"logs": logged.getvalue(), "replies and pages": "\n".join(shown), "files": stored}
    assert len(secrets) > 20
    assert "asked the workspace" in outputs["logs"]
    assert EXAMPLE in outputs["replies and pages"]
    for where, output in outputs.items():
        assert not [secret for secret in secrets if secret in output], where


async def test_the_secret_of_a_link_is_said_in_chat_only(
    tmp_path: Path, logged: io.StringIO
) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet("alice")
        link = await alice.ask_for_link()
        await alice.person.fill_in(link, user_id=alice.person.user_id, token="x" * 43)
    secret = link.rpartition("/")[2]
    assert secret not in logged.getvalue() + read_files(tmp_path)
