"""The way to a workspace: through the environment's proxy, and with a private authority."""

import asyncio
import base64
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from bot.admin.checks.http_probe import fetch_health_page
from bot.errors import BotError, ConfigError, UnreachableError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client
from bot.rocketchat.network import find_proxy
from bot.rocketchat.realtime import RealtimeSettings
from bot.rocketchat.realtime.client import try_connect
from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.seed import seed
from tests.support.private_network import HOST, Proxy, make_authority, open_relay
from tests.support.scripted_workspace import open_port

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
PASSWORD = "tell-nobody"
SETTINGS = RealtimeSettings(connect_timeout_s=10, call_timeout_s=10)


@dataclass
class PrivateWorkspace:
    """A workspace that only the proxy knows, and the certificate of its authority."""

    url: str
    local_url: str
    token: AuthToken
    ca_file: Path
    proxy: Proxy

    async def reach(self, url: str, *, ca_file: Path | None) -> str:
        """Return the version that REST tells, once the bot is logged in to the realtime API."""
        connecting = open_rest_client(
            url, self.token, timeout_s=10, retry_pause_s=0.01, ca_file=ca_file
        )
        async with connecting as rest:
            version = await rest.fetch_version()
        await try_connect(url, self.token, SETTINGS, ca_file)
        return version


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[PrivateWorkspace]:
    ca_file, tls = make_authority(tmp_path)
    proxy = Proxy()
    async with Simulator(version="8.3") as simulator:
        people = seed(simulator.workspace)
        plain_port = urlsplit(simulator.url).port or 0
        async with (
            open_relay(plain_port, tls=tls) as tls_port,
            open_relay(tls_port, proxy=proxy) as proxy_port,
        ):
            proxy.url = f"http://127.0.0.1:{proxy_port}"
            token = AuthToken(people.bot.id, SecretStr(people.bot_token))
            yield PrivateWorkspace(
                f"https://{HOST}", f"https://localhost:{tls_port}", token, ca_file, proxy
            )


async def test_a_private_authority_is_trusted_where_it_is_set(workspace: PrivateWorkspace) -> None:
    assert await workspace.reach(workspace.local_url, ca_file=workspace.ca_file) == "8.3"
    reason = "certificate is not trusted: unable to get local issuer certificate"
    with pytest.raises(UnreachableError, match=reason):
        await workspace.reach(workspace.local_url, ca_file=None)
    with pytest.raises(UnreachableError, match=reason):
        await try_connect(workspace.local_url, workspace.token, SETTINGS)


async def test_a_private_authority_is_trusted_behind_a_redirect(
    workspace: PrivateWorkspace,
) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        location = f"Location: {workspace.local_url}/api/info"
        writer.write(f"HTTP/1.1 301 Moved\r\n{location}\r\nContent-Length: 0\r\n\r\n".encode())

    async with open_port(redirect) as port:
        url = f"http://127.0.0.1:{port}"
        page = await fetch_health_page(url, 10, workspace.ca_file)
        with pytest.raises(UnreachableError, match="its certificate is not trusted"):
            await fetch_health_page(url, 10)
    assert (page.status, page.is_bot) == (200, False)


@pytest.mark.parametrize("login", ["", "me:p%40ss@"])
async def test_the_proxy_of_the_environment_is_used(
    workspace: PrivateWorkspace, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", workspace.proxy.url.replace("//", f"//{login}"))
    assert await workspace.reach(workspace.url, ca_file=workspace.ca_file) == "8.3"
    rest, realtime = workspace.proxy.requests
    for head in (rest, realtime):
        assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
        assert ("Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in head) == bool(login)
        assert workspace.token.secret.get_secret_value() not in head


async def test_a_proxy_that_refuses_is_named(
    workspace: PrivateWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.proxy.status = 407
    monkeypatch.setenv("HTTPS_PROXY", workspace.proxy.url)
    with pytest.raises(UnreachableError, match="the proxy refused with 407"):
        await workspace.reach(workspace.url, ca_file=workspace.ca_file)
    with pytest.raises(UnreachableError, match="the proxy refused with 407"):
        await try_connect(workspace.url, workspace.token, SETTINGS, workspace.ca_file)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://chat.example.org", "http://secure:1"),
        ("wss://chat.example.org/websocket", "http://secure:1"),
        ("http://chat.example.org", "http://plain:2"),
        ("ws://chat.example.org/websocket", "http://plain:2"),
        ("https://inside.example.net", None),
        ("https://exact.example.com:8443", None),
        ("http://localhost:3000", None),
        ("http://127.0.0.1:3000", None),
        ("http://[::1]:3000", None),
        ("http://[::]:8080", None),
        ("http://0.0.0.0:8080", None),
    ],
)
def test_the_proxy_depends_on_the_address(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure:1")
    monkeypatch.setenv("http_proxy", "plain:2")
    monkeypatch.setenv("NO_PROXY", "example.net, exact.example.com:8443")
    assert find_proxy(url) == proxy


@pytest.mark.parametrize(
    "proxy",
    [
        f"socks5://me:{PASSWORD}@proxy:1080",
        f"https://me:{PASSWORD}@proxy:3128",
        f"http://me:{PASSWORD}@",
        f"http://me:{PASSWORD}/@proxy:3128",
        f"http://me:1/{PASSWORD}@proxy:3128",
        f"http://me:1?{PASSWORD}@proxy:3128",
        f"http://me:1#{PASSWORD}@proxy:3128",
        f"http://me:[{PASSWORD}@proxy:3128",
        f"http://me:{PASSWORD}@proxy:99999",
        f"http://proxy:{PASSWORD}",
        f"http://me:{PASSWORD}@pro\u2100xy:3128",
    ],
)
async def test_an_address_of_a_proxy_that_cannot_work_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    for error in await fail_to_reach("https://chat.example.org", ConfigError):
        assert "HTTPS_PROXY: write it as in http://" in error
        assert PASSWORD not in error


@pytest.mark.parametrize("status", [None, 407, 502], ids=["closed", "refused", "failed"])
async def test_no_error_tells_the_password_of_a_proxy(
    workspace: PrivateWorkspace, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    address = f"127.0.0.1:{urlsplit(workspace.proxy.url).port if status else 1}"
    workspace.proxy.status = status or 0
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@{address}")
    coded = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    for error in await fail_to_reach(workspace.url, UnreachableError):
        assert PASSWORD not in error
        assert coded not in error
    if status:
        assert all(coded in head for head in workspace.proxy.requests)


async def fail_to_reach(url: str, kind: type[BotError]) -> list[str]:
    """Return all that is known of the errors of REST and of the realtime API."""
    token = AuthToken("bot", SecretStr("y" * 43))
    with pytest.raises(kind) as of_rest:
        async with open_rest_client(url, token, timeout_s=10, retry_pause_s=0.01) as rest:
            await rest.fetch_version()
    with pytest.raises(kind) as of_realtime:
        await try_connect(url, token, SETTINGS)
    return [spell_out(of_rest.value), spell_out(of_realtime.value)]


def spell_out(error: BaseException | None) -> str:
    """Return the traceback, and how the error and its causes show themselves."""
    lines = traceback.format_exception(error)
    while error is not None:
        lines.append(repr(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)
