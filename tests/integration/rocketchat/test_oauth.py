"""The OAuth client against the simulated workspace and against scripted responses."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from bot.errors import (
    GrantRefusedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    UnreachableError,
    WorkspaceError,
)
from bot.rocketchat.oauth import OAuthClient, OAuthProvider, open_oauth
from rocketchat_simulator import OAuthApp, Simulator
from tests.support.scripted_rest import serve_bytes

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
BACK = "https://bot.example.org/oauth/callback"
JSON = "application/json"


@pytest.fixture(params=["6.5", "7.7", "8.8"])
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    async with Simulator(version=request.param) as opened:
        yield opened


@pytest.fixture
def app(simulator: Simulator) -> OAuthApp:
    return simulator.workspace.oauth.make_app("bot", BACK)


@pytest.fixture
async def oauth(simulator: Simulator, app: OAuthApp) -> AsyncIterator[OAuthProvider]:
    client = OAuthClient(app.client_id, SecretStr(app.client_secret), BACK)
    async with open_oauth(simulator.url, client, now=lambda: NOW, timeout_s=5) as opened:
        yield opened


def make_code(simulator: Simulator, app: OAuthApp) -> SecretStr:
    alice = simulator.workspace.add_user("alice")
    return SecretStr(simulator.workspace.oauth.make_code(alice, app, BACK))


async def test_a_code_is_exchanged_for_a_pair_and_a_pair_for_the_next(
    simulator: Simulator, app: OAuthApp, oauth: OAuthProvider
) -> None:
    first = await oauth.exchange(make_code(simulator, app))
    second = await oauth.refresh(first.refresh_token)
    assert {first.access_token, first.refresh_token}.isdisjoint(
        {second.access_token, second.refresh_token}
    )
    assert NOW + timedelta(minutes=59) < second.expires_at <= NOW + timedelta(hours=1)
    assert first.access_token.get_secret_value() not in repr(first) + repr(second)


async def test_a_used_up_grant_differs_from_a_workspace_that_is_down(
    simulator: Simulator, app: OAuthApp, oauth: OAuthProvider
) -> None:
    code = make_code(simulator, app)
    pair = await oauth.exchange(code)
    with pytest.raises(GrantRefusedError):
        await oauth.exchange(code)
    await oauth.refresh(pair.refresh_token)
    with pytest.raises(GrantRefusedError):
        await oauth.refresh(pair.refresh_token)
    simulator.faults.fail_next("/oauth/token", status=503, body="no backend")
    with pytest.raises(UnreachableError):
        await oauth.refresh(pair.refresh_token)


async def test_an_unknown_client_is_refused_with_the_settings_to_check(
    simulator: Simulator, app: OAuthApp, oauth: OAuthProvider
) -> None:
    app.client_secret = "another"
    with pytest.raises(RefusedError, match="client_secret right"):
        await oauth.exchange(make_code(simulator, app))


def test_the_consent_page_address_has_a_state_and_no_challenge() -> None:
    client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
    # No session: nothing is requested.
    oauth = OAuthProvider(None, "https://chat.example.org/", client, lambda: NOW)  # type: ignore[arg-type]
    address = urlsplit(oauth.make_consent_url(SecretStr("the state & more")))
    assert f"{address.scheme}://{address.netloc}{address.path}" == (
        "https://chat.example.org/oauth/authorize"
    )
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["the-client"],
        "redirect_uri": [BACK],
        "state": ["the state & more"],
    }


@pytest.mark.parametrize(
    ("status", "body", "kind", "expected"),
    [
        (400, {"error": "invalid_grant"}, JSON, GrantRefusedError),
        (503, {"error": "server_error", "error_description": "Invalid token"}, JSON, None),
        (503, {"error": "server_error", "error_description": "boom"}, JSON, UnreachableError),
        (503, {"error": "server_error", "error_description": 7}, JSON, UnreachableError),
        (401, {"error": "invalid_client"}, JSON, RefusedError),
        (400, {"error": "invalid_request"}, JSON, RefusedError),
        (429, {"error": "too many"}, JSON, RateLimitedError),
        (502, {}, "text/html", UnreachableError),
        (200, {}, "text/html", ProtocolError),
        (200, {"access_token": "a"}, JSON, ProtocolError),
        (200, {"access_token": 1, "refresh_token": "b"}, JSON, ProtocolError),
        (302, {}, "text/html", ProtocolError),
        (404, {}, "text/plain", ProtocolError),
    ],
)
async def test_every_other_answer_raises_its_error_without_secrets(
    status: int, body: dict[str, object], kind: str, expected: type[WorkspaceError] | None
) -> None:
    async with Simulator(version="8.3") as simulator:
        client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
        text = json.dumps(body | {"leak": "the-answer-holds-secrets"})
        simulator.faults.fail_next("/oauth/token", status=status, body=text, content_type=kind)
        async with open_oauth(simulator.url, client, now=lambda: NOW) as oauth:
            with pytest.raises(expected or GrantRefusedError) as raised:
                await oauth.refresh(SecretStr("the-refresh-token"))
    chain = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    for secret in ("the-secret", "the-refresh-token", "the-answer-holds"):
        assert secret not in chain


@pytest.mark.parametrize("life", [None, "soon", -1, 0, 10**12, True])
async def test_an_invalid_lifetime_counts_as_an_hour(life: object) -> None:
    async with Simulator(version="8.3") as simulator:
        client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
        answer = {"access_token": "a", "refresh_token": "b", "expires_in": life}
        text = json.dumps(answer)
        simulator.faults.fail_next("/oauth/token", status=200, body=text, content_type=JSON)
        async with open_oauth(simulator.url, client, now=lambda: NOW) as oauth:
            pair = await oauth.refresh(SecretStr("x"))
    assert NOW < pair.expires_at <= NOW + timedelta(hours=1)


@pytest.mark.parametrize("first", [0, 1, 20])
async def test_a_token_answer_in_several_pieces_is_read_to_its_end(first: int) -> None:
    answer = json.dumps({"access_token": "a" * 43, "refresh_token": "b" * 43}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(answer)}\r\n\r\n".encode()
    pieces = [head + answer[:first], answer[first:50], answer[50:]]
    client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
    async with serve_bytes(*pieces) as url, open_oauth(url, client, now=lambda: NOW) as oauth:
        pair = await oauth.refresh(SecretStr("x"))
    assert pair.refresh_token.get_secret_value() == "b" * 43


async def test_a_token_answer_without_end_is_refused() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
    async with (
        serve_bytes(head, b" " * 2**17) as url,
        open_oauth(url, client, now=lambda: NOW) as oauth,
    ):
        with pytest.raises(ProtocolError, match="longer than"):
            await oauth.refresh(SecretStr("x"))


async def test_a_request_to_a_workspace_that_hangs_times_out() -> None:
    async with Simulator(version="8.3") as simulator:
        client = OAuthClient("the-client", SecretStr("the-secret"), BACK)
        simulator.faults.fail_next("/oauth/token", delay=3)
        async with open_oauth(simulator.url, client, now=lambda: NOW, timeout_s=0.2) as oauth:
            with pytest.raises(UnreachableError, match="no answer in time"):
                await oauth.refresh(SecretStr("x"))
