"""A scenario at DEBUG, then a search for each secret in all logs, replies and files."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.private_network import HOST, Proxy, make_authority, open_relay
from tests.support.stage import Stage, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"
PASSWORD, ENCODED = "p@ss/word", "p%40ss%2Fword"


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


@asynccontextmanager
async def open_stage_behind_proxy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Stage, Proxy]]:
    """Run a bot that reaches its workspace through a proxy with a password only."""
    ca_file, tls = make_authority(folder)
    proxy = Proxy()
    async with (
        open_stage(folder, bots=0) as stage,
        open_relay(urlsplit(stage.simulator.url).port or 0, tls=tls) as tls_port,
        open_relay(tls_port, proxy=proxy) as port,
    ):
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{ENCODED}@127.0.0.1:{port}")
        workspace = stage.settings.workspace
        where = {"url": f"https://{HOST}", "ca_file": ca_file}
        await stage.start_bot(workspace=workspace.model_copy(update=where))
        yield stage, proxy
        await stage.stop_bots()


async def fetch_metrics(stage: Stage) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stage.bot.public_url}/metrics") as page,
    ):
        return await page.text()


async def test_the_password_of_a_proxy_comes_out_nowhere(
    tmp_path: Path, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_stage_behind_proxy(tmp_path, monkeypatch) as (stage, proxy):
        alice = stage.invite("alice")
        await alice.connect()
        alice.ask("before")
        await alice.wait_for_answers("before")
        proxy.status = 407
        await stage.simulator.realtime.drop_all()
        alice.ask("meanwhile")
        async with asyncio.timeout(DEADLINE_S):
            while "the proxy refused with 407" not in logged.getvalue():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        metrics = await fetch_metrics(stage)
        proxy.status = 200
        await alice.wait_for_answers("before", "meanwhile")
        shown = [*alice.texts, metrics]
    login = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert len(proxy.requests) > 2
    assert all(login in head for head in proxy.requests)
    outputs = {"logs": logged.getvalue(), "shown": "\n".join(shown), "files": read_files(tmp_path)}
    assert "session_bot_accounts" in outputs["shown"]
    for where, output in outputs.items():
        assert not [each for each in (PASSWORD, ENCODED, login) if each in output], where
