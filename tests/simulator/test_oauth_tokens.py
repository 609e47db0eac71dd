"""Codes, access tokens and refresh tokens of the simulated workspace's OAuth 2 provider."""

import base64

import pytest

from tests.support.oauth_provider import CALLBACK, open_application
from tests.support.rest_caller import EVERY_VERSION, Clock, Json

BEARER_VERSIONS = [version for version in EVERY_VERSION if version != "7.7"]


def describe(answer: tuple[int, Json]) -> tuple[int, str, str]:
    status, body = answer
    return status, body["error"], body["error_description"]


@pytest.mark.parametrize("version", BEARER_VERSIONS)
async def test_a_code_gives_a_bearer_token_that_acts_as_its_owner(version: str) -> None:
    async with open_application(version) as application:
        pair = await application.connect()
        bearer = application.bearer(pair["access_token"])
        _, me = await bearer.get("me")
        listed, sessions = await bearer.get("sessions/list")

    assert me["_id"] == application.world.alice.id
    assert (listed, sessions["sessions"]) == (200, [])
    assert set(pair) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert pair["token_type"] == "Bearer"
    assert 3500 < pair["expires_in"] < 3600


@pytest.mark.parametrize(("version", "length"), [("6.5", 40), ("7.7", 64), ("8.3", 64)])
async def test_tokens_are_longer_from_7_4_on(version: str, length: int) -> None:
    async with open_application(version) as application:
        code = application.make_code()
        _, pair = await application.exchange(code)

    assert {len(each) for each in (code, pair["access_token"], pair["refresh_token"])} == {length}


async def test_7_7_ignores_bearer_tokens_although_it_hands_them_out() -> None:
    async with open_application("7.7") as application:
        pair = await application.connect()
        status, _ = await application.bearer(pair["access_token"]).get("me")
        told, _ = await application.bearer(pair["access_token"]).call("GET", "/oauth/userinfo")

    assert (status, told) == (401, 200)


@pytest.mark.parametrize("kind", ["bearer", "Token", "Bearer "])
async def test_only_the_literal_word_bearer_and_one_blank_will_do(kind: str) -> None:
    async with open_application() as application:
        pair = await application.connect()
        status, _ = await application.bearer(pair["access_token"], kind=kind).get("me")

    assert status == 401


async def test_user_id_and_token_win_over_a_bearer_token() -> None:
    async with open_application() as application:
        pair = await application.connect()
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        bob = application.world.sign_in(application.world.bob)
        _, me = await bob.call("GET", "/api/v1/me", headers=bearer)
        wrong = application.world.sign_in(application.world.bob, token="made-up")
        status, _ = await wrong.call("GET", "/api/v1/me", headers=bearer)

    assert (me["username"], status) == ("bob", 401)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_what_the_storage_does_not_know_is_a_server_error(version: str) -> None:
    async with open_application(version) as application:
        code = application.make_code()
        wrong_secret = await application.exchange(code, client_secret="wrong")
        wrong_client = await application.exchange(code, client_id="wrong")
        pair = (await application.exchange(code))[1]
        used_code = await application.exchange(code)
        await application.refresh(pair["refresh_token"])
        used_token = await application.refresh(pair["refresh_token"])

    assert describe(wrong_secret) == (503, "server_error", "Invalid clientId")
    assert describe(wrong_client) == (503, "server_error", "Invalid clientId")
    assert describe(used_code) == (503, "server_error", "Invalid authCode")
    assert describe(used_token) == (503, "server_error", "Invalid token")


@pytest.mark.parametrize("version", BEARER_VERSIONS)
async def test_a_refresh_ends_the_old_pair_at_once(version: str) -> None:
    async with open_application(version) as application:
        old = await application.connect()
        status, new = await application.refresh(old["refresh_token"])
        before, _ = await application.bearer(old["access_token"]).get("me")
        after, _ = await application.bearer(new["access_token"]).get("me")

    assert (status, before, after) == (200, 401, 200)
    assert old["refresh_token"] != new["refresh_token"]


@pytest.mark.parametrize(("version", "expected"), [("6.5", 200), ("7.7", 400), ("8.8", 400)])
async def test_a_code_verifier_is_refused_from_7_4_on(version: str, expected: int) -> None:
    async with open_application(version) as application:
        status, body = await application.exchange(application.make_code(), code_verifier="v" * 43)

    assert status == expected
    assert status == 200 or body["error"] == "invalid_grant"


async def test_a_code_lasts_five_minutes() -> None:
    clock = Clock()
    async with open_application(now=clock) as application:
        early, late = application.make_code(), application.make_code()
        clock.move(minutes=5)
        in_time, _ = await application.exchange(early)
        clock.move(seconds=1)
        expired = await application.exchange(late)
        clock.move(minutes=5)
        forgotten = await application.exchange(late)

    assert in_time == 200
    assert describe(expired)[:2] == (400, "invalid_grant")
    assert describe(forgotten) == (503, "server_error", "Invalid authCode")


async def test_an_access_token_lasts_an_hour_but_userinfo_does_not_look() -> None:
    clock = Clock()
    async with open_application(now=clock) as application:
        bearer = application.bearer((await application.connect())["access_token"])
        clock.move(hours=1)
        in_time, _ = await bearer.get("me")
        clock.move(seconds=1)
        late, _ = await bearer.get("me")
        told, info = await bearer.call("GET", "/oauth/userinfo")

    assert (in_time, late, told) == (200, 401, 200)
    assert info["sub"] == application.world.alice.id
    assert info["preffered_username"] == "alice"


async def test_a_refresh_token_lasts_fourteen_days() -> None:
    clock = Clock()
    async with open_application(now=clock) as application:
        pair = await application.connect()
        clock.move(days=14)
        in_time, pair = await application.refresh(pair["refresh_token"])
        clock.move(days=14, seconds=1)
        expired = await application.refresh(pair["refresh_token"])
        clock.move(days=17)
        forgotten = await application.refresh(pair["refresh_token"])

    assert in_time == 200
    assert describe(expired)[:2] == (400, "invalid_grant")
    assert describe(forgotten) == (503, "server_error", "Invalid token")


async def test_a_code_is_bound_to_its_redirect_uri_and_its_application() -> None:
    async with open_application() as application:
        elsewhere = await application.exchange(
            application.make_code(), redirect_uri="http://127.0.0.1:1/x"
        )
        other = application.world.workspace.oauth.make_app("other", CALLBACK)
        stolen = await application.exchange(
            application.make_code(), client_id=other.client_id, client_secret=other.client_secret
        )

    assert describe(elsewhere)[:2] == (400, "invalid_request")
    assert describe(stolen)[:2] == (400, "invalid_grant")


async def test_an_application_may_say_who_it_is_by_basic_authentication() -> None:
    async with open_application() as application:
        app = application.app
        pair = f"{app.client_id}:{app.client_secret}".encode()
        form = {"grant_type": "authorization_code", "code": application.make_code()}
        status, _ = await application.world.sign_in().call(
            "POST",
            "/oauth/token",
            data=form | {"redirect_uri": CALLBACK},
            headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
        )

    assert status == 200


async def test_token_requests_without_sense_are_400() -> None:
    async with open_application() as application:
        answers = [
            await application.world.sign_in().call("GET", "/oauth/token"),
            await application.ask_for_tokens(client_secret=""),
            await application.ask_for_tokens(),
            await application.ask_for_tokens(grant_type="password"),
            await application.ask_for_tokens(grant_type="authorization_code"),
            await application.ask_for_tokens(grant_type="refresh_token"),
        ]

    assert [describe(answer)[:2] for answer in answers] == [
        (400, "invalid_request"),
        (400, "invalid_client"),
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (400, "invalid_request"),
        (400, "invalid_request"),
    ]


async def test_a_bearer_token_opens_no_session_and_none_is_current() -> None:
    async with open_application("8.8") as application:
        world = application.world
        token = world.workspace.make_login_token(world.alice)
        world.workspace.open_session(world.alice, token=token, device={}, ip=None, host="")
        rows = len(world.workspace.sessions.rows_of(world.alice))
        bearer = application.bearer((await application.connect())["access_token"])
        _, listed = await bearer.get("sessions/list")
        _, by_token = await world.sign_in(world.alice, token=token).get("sessions/list")

    assert len(world.workspace.sessions.rows_of(world.alice)) == rows == 1
    assert [each["current"] for each in listed["sessions"]] == [False]
    assert [each["current"] for each in by_token["sessions"]] == [True]


async def test_every_secret_of_the_provider_is_known_as_one() -> None:
    async with open_application() as application:
        code = application.make_code()
        _, pair = await application.exchange(code)
        made = {code, pair["access_token"], pair["refresh_token"], application.app.client_secret}

    assert made <= application.world.workspace.secrets()
    assert not any(secret in repr(application.app) for secret in made)


async def test_requests_are_logged_without_their_query() -> None:
    async with open_application() as application:
        await application.connect()

    logged = [
        (each.method, each.path, each.status) for each in application.world.simulator.requests
    ]
    assert logged == [("POST", "/oauth/token", 200)]
