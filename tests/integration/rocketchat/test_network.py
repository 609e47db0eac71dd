"""The way to a workspace: through the environment's proxy, and with a private authority."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from bot.errors import ConfigError, UnreachableError
from bot.models import AuthToken
from bot.rocketchat.client import open_rest_client
from bot.rocketchat.network import find_proxy
from bot.rocketchat.realtime import RealtimeSettings
from bot.rocketchat.realtime.client import try_connect
from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.seed import seed
from tests.support.private_network import HOST, Proxy, make_authority, open_relay

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
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
    with pytest.raises(UnreachableError, match="Certificate"):
        await workspace.reach(workspace.local_url, ca_file=None)
    with pytest.raises(UnreachableError, match="certificate is not trusted"):
        await try_connect(workspace.local_url, workspace.token, SETTINGS)


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
    with pytest.raises(UnreachableError, match="Proxy"):
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


@pytest.mark.parametrize("proxy", ["socks5://proxy:1080", "https://proxy:3128", "http://"])
async def test_another_kind_of_proxy_is_refused(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    token = AuthToken("bot", SecretStr("y" * 43))
    with pytest.raises(ConfigError, match="HTTPS_PROXY: write it as in http://"):
        async with open_rest_client("https://chat.example.org", token):
            pass
