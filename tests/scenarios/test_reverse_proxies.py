"""The pages behind nginx and Caddy, with the files that operators are given."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bot.admin.checks.network import check_public_url
from bot.config import Settings, WebSettings
from tests.support.deadlines import DEADLINE_S
from tests.support.reverse_proxies import Ports, run_proxy
from tests.support.stage import Stage, open_stage

PRIVATE = ("/", "/metrics", "/healthz", "/readyz", "/connect", "/oauth/callback/x", "/style.css/x")
SECRET = "a-secret-that-a-link-holds"
both = pytest.mark.parametrize("name", ["nginx", "caddy"])


@dataclass
class Site:
    """A bot, whose public URL leads to a proxy in front of it."""

    stage: Stage
    settings: Settings
    ports: Ports
    folder: Path
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.settings.web.public_url

    async def fetch_status(self, path: str, body: bytes | None = None) -> int:
        method = "GET" if body is None else "POST"
        async with self.http.request(method, self.url + path, data=body) as response:
            return response.status


def choose_ports() -> Ports:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return Ports(*(each.getsockname()[1] for each in found))


@asynccontextmanager
async def open_site(name: str, folder: Path) -> AsyncIterator[Site]:
    ports = choose_ports()
    web = WebSettings(public_url=f"http://127.0.0.1:{ports.http}", port=ports.bot)
    proxy_folder = folder / name
    proxy_folder.mkdir()
    async with (
        run_proxy(name, proxy_folder, ports),
        open_stage(folder, bots=0, web=web) as stage,
        aiohttp.ClientSession() as http,
    ):
        await stage.start_bot()
        yield Site(stage, stage.settings, ports, proxy_folder, http)


@both
async def test_people_connect_through_it_and_nothing_else_is_shown(
    name: str, tmp_path: Path
) -> None:
    async with open_site(name, tmp_path) as site:
        (checked,) = [each async for each in check_public_url(site.settings, DEADLINE_S)]
        assert str(checked).endswith("leads here; a bot is running there")
        alice = await site.stage.meet("alice")
        link = await alice.ask_for_link()
        assert link.startswith(f"{site.url}/connect/")
        assert (await site.fetch_status("/style.css")) == 200
        assert (await site.fetch_status(f"/connect/{SECRET}", b"x" * 17_000)) == 413
        shown = {path: await site.fetch_status(path) for path in PRIVATE}
        assert shown == dict.fromkeys(PRIVATE, 404)
        status, page = await alice.paste_token(link)
        assert status == 200, page
        assert (await alice.hear()).startswith("You are connected.")
        await site.stage.stop_bots()
        assert (await site.fetch_status(f"/connect/{SECRET}")) == 502
        assert (await site.fetch_status(f"/oauth/callback?code={SECRET}")) == 502
    written = "".join(file.read_text() for file in site.folder.rglob("*.log"))
    assert not [each for each in (SECRET, link.rpartition("/")[2]) if each in written]


async def test_nginx_speaks_tls_and_holds_up_who_asks_too_often(tmp_path: Path) -> None:
    async with open_site("nginx", tmp_path) as site:
        trusted = ssl.create_default_context(cafile=site.folder / "ca.pem")
        address = f"https://localhost:{site.ports.https}/style.css"
        async with site.http.get(address, ssl=trusted) as response:
            assert response.status == 200
            assert "max-age" in response.headers["Strict-Transport-Security"]
        asked = [await site.fetch_status(f"/connect/{SECRET}") for _ in range(80)]
        assert set(asked) > {429}
    written = "".join(file.read_text() for file in site.folder.rglob("*.log"))
    assert SECRET not in written
