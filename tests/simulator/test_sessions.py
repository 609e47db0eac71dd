"""Device management over REST: what the routes tell about sessions, and to whom."""

import json
from datetime import timedelta

import pytest

from rocketchat_simulator import User, Workspace
from rocketchat_simulator.workspace.documents import digest_password
from tests.support.rest_caller import EVERY_VERSION, Clock, World, open_world

FIREFOX = {
    "type": "browser",
    "name": "Firefox",
    "longVersion": "131.0",
    "os": {"name": "Windows", "version": "10"},
    "version": "131.0",
}
CHROME = {**FIREFOX, "name": "Chrome", "longVersion": "129.0.0.0", "version": "129.0.0"}
NOT_FOUND = (404, {"success": False, "error": "Session not found"})


def log_in(workspace: Workspace, user: User, session_id: str, **facts: object) -> str:
    token = str(facts.pop("token", "")) or workspace.make_login_token(user)
    arguments = {"device": FIREFOX, "ip": "203.0.113.7", "host": "chat.example.org", **facts}
    workspace.open_session(user, session_id=session_id, token=token, **arguments)  # type: ignore[arg-type]
    return token


def second_factor(user: User) -> dict[str, str]:
    return {"x-2fa-method": "password", "x-2fa-code": digest_password(user.password)}


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_password_login_is_not_found_and_a_resumed_one_is(version: str) -> None:
    async with open_world(version) as world:
        world.workspace.open_session(world.alice, session_id="byPassword", device=FIREFOX)
        log_in(world.workspace, world.alice, "byResume")
        alice = world.sign_in(world.alice)

        assert await alice.get("sessions/info", sessionId="byPassword") == NOT_FOUND
        status, found = await alice.get("sessions/info", sessionId="byResume")
        _, listed = await alice.get("sessions/list")

    assert (status, found["sessionId"]) == (200, "byResume")
    assert [session["sessionId"] for session in listed["sessions"]] == ["byResume"]


async def test_other_peoples_sessions_look_like_no_sessions() -> None:
    async with open_world() as world:
        log_in(world.workspace, world.bob, "ofBob")
        alice = world.sign_in(world.alice)

        assert await alice.get("sessions/info", sessionId="ofBob") == NOT_FOUND
        assert await alice.get("sessions/info", sessionId="") == NOT_FOUND
        assert await alice.post("sessions/logout.me", sessionId="ofBob") == NOT_FOUND


@pytest.mark.parametrize(("version", "has_hash"), [("6.5", True), ("8.3", True), ("8.8", False)])
async def test_info_shows_the_hash_of_the_login_token_until_8_7(
    version: str, *, has_hash: bool
) -> None:
    async with open_world(version) as world:
        log_in(world.workspace, world.alice, "one")
        _, found = await world.sign_in(world.alice).get("sessions/info", sessionId="one")

    assert ("loginToken" in found) is has_hash
    assert ("searchTerm" in found) is has_hash
    assert (found["_id"] == "one") is False


async def test_the_list_has_one_entry_for_each_token_newest_first() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        token = log_in(world.workspace, world.alice, "morning")
        clock.move(hours=1)
        log_in(world.workspace, world.alice, "phone")
        clock.move(hours=1)
        log_in(world.workspace, world.alice, "reloaded", token=token)
        world.workspace.close_session("reloaded")
        alice = world.sign_in(world.alice)
        _, listed = await alice.get("sessions/list")
        status, _ = await alice.get("sessions/info", sessionId="morning")

    assert [session["sessionId"] for session in listed["sessions"]] == ["reloaded", "phone"]
    assert listed["total"] == 2
    assert not any("loginToken" in session for session in listed["sessions"])
    assert status == 200


async def test_only_8_8_says_which_session_is_the_callers() -> None:
    async with open_world("8.8") as world:
        token = log_in(world.workspace, world.alice, "mine")
        log_in(world.workspace, world.alice, "other")
        _, listed = await world.sign_in(world.alice, token=token).get("sessions/list")

    current = {session["sessionId"]: session["current"] for session in listed["sessions"]}
    assert current == {"mine": True, "other": False}


async def test_the_filter_is_a_plain_substring_of_names_and_ids() -> None:
    async with open_world() as world:
        log_in(world.workspace, world.alice, "aaaa", device=FIREFOX)
        log_in(world.workspace, world.alice, "bbbb", device=CHROME)
        alice = world.sign_in(world.alice)
        answers = [
            [
                session["sessionId"]
                for session in (await alice.get("sessions/list", filter=text))[1]["sessions"]
            ]
            for text in ("FIREFOX", "bbb", "fire.ox", "windows")
        ]

    assert answers[:3] == [["aaaa"], ["bbbb"], []]
    assert sorted(answers[3]) == ["aaaa", "bbbb"]


async def test_sorting_happens_inside_the_page_only() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        for number in range(4):
            clock.move(minutes=1)
            log_in(world.workspace, world.alice, f"session{number}")
        alice = world.sign_in(world.alice)
        order = json.dumps({"loginAt": 1})
        _, page = await alice.get("sessions/list", count=2, offset=1, sort=order)
        refused = await alice.get("sessions/list", sort=json.dumps({"ip": 1}))

    assert [session["sessionId"] for session in page["sessions"]] == ["session1", "session2"]
    assert (page["count"], page["offset"], page["total"]) == (2, 1, 4)
    assert refused == (400, {"success": False, "error": "error-invalid-sort-keys"})


async def test_logging_out_hides_the_session_ends_the_token_and_works_twice() -> None:
    async with open_world() as world:
        token = log_in(world.workspace, world.alice, "lost")
        alice = world.sign_in(world.alice)

        assert (await alice.post("sessions/logout.me", sessionId="lost"))[0] == 200
        assert (await alice.post("sessions/logout.me", sessionId="lost"))[0] == 200
        _, listed = await alice.get("sessions/list")
        _, found = await alice.get("sessions/info", sessionId="lost")
        status, _ = await world.sign_in(world.alice, token=token).get("me")

    assert listed["sessions"] == []
    assert found["logoutBy"] == world.alice.id
    assert status == 401


async def test_logging_out_a_personal_access_tokens_session_takes_the_token() -> None:
    async with open_world() as world:
        token = world.workspace.make_personal_access_token(world.alice, "script")
        log_in(world.workspace, world.alice, "script", token=token)
        alice = world.sign_in(world.alice)
        await alice.post("sessions/logout.me", sessionId="script")
        _, kept = await alice.get("users.getPersonalAccessTokens")

    assert kept["tokens"] == []


async def test_midnight_clones_open_rows_and_info_keeps_showing_the_oldest() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        log_in(world.workspace, world.alice, "overnight")
        before = clock()
        clock.move(hours=13)
        world.workspace.roll_over_midnight()
        world.workspace.close_session("overnight")
        rows = world.workspace.sessions.rows_of(world.alice)
        _, found = await world.sign_in(world.alice).get("sessions/info", sessionId="overnight")
        _, listed = await world.sign_in(world.alice).get("sessions/list")

    assert [row["day"] for row in rows] == [23, 24]
    assert {row["loginAt"] for row in rows} == {before}
    assert found["lastActivityAt"] == "2026-11-23T23:59:59.999Z"
    assert "closedAt" not in found
    assert rows[1]["closedAt"] == before + timedelta(hours=13)
    assert listed["total"] == 1


async def test_each_night_adds_one_row() -> None:
    clock = Clock()
    async with open_world(now=clock) as world:
        log_in(world.workspace, world.alice, "overnight")
        for _ in range(3):
            clock.move(hours=24)
            world.workspace.roll_over_midnight()
        rows = world.workspace.sessions.rows_of(world.alice)

    assert [row["day"] for row in rows] == [23, 24, 25, 26]
    assert ["lastActivityAt" in row for row in rows] == [True, True, True, False]


UNLICENSED = {
    "success": False,
    "error": "This is an enterprise feature [error-action-not-allowed]",
    "errorType": "error-action-not-allowed",
}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("6.5", (403, {"success": False, "error": "unauthorized"})),
        ("8.3", (400, UNLICENSED)),
        ("8.8", (400, UNLICENSED)),
    ],
)
async def test_without_a_licence_the_routes_are_closed_to_those_who_are_logged_in(
    version: str, expected: tuple[int, object]
) -> None:
    async with open_world(version, is_licensed=False) as world:
        alice = world.sign_in(world.alice)

        assert await alice.get("sessions/list") == expected
        assert await alice.get("sessions/info", sessionId="x") == expected
        assert (await world.sign_in().get("sessions/list"))[0] == 401


async def test_6_5_misses_the_parameter_before_the_licence_and_8_3_after_it() -> None:
    async with open_world("6.5", is_licensed=False) as world:
        _, early = await world.sign_in(world.alice).get("sessions/info")
    async with open_world("8.3", is_licensed=False) as world:
        _, late = await world.sign_in(world.alice).get("sessions/info")

    assert (early["errorType"], late) == ("invalid-params", UNLICENSED)


@pytest.mark.parametrize(
    ("version", "error", "kind"),
    [
        ("8.3", "must have required property 'sessionId' [invalid-params]", "invalid-params"),
        ("8.8", "must have required property 'sessionId'", "error-invalid-params"),
    ],
)
async def test_a_missing_session_id_is_refused_in_the_versions_words(
    version: str, error: str, kind: str
) -> None:
    async with open_world(version) as world:
        answer = await world.sign_in(world.alice).get("sessions/info")

    assert answer == (400, {"success": False, "error": error, "errorType": kind})


async def test_the_admin_routes_need_the_permission_and_a_second_factor() -> None:
    async with open_world() as world:
        admin = world.workspace.add_user("root", roles=("admin",))
        log_in(world.workspace, world.alice, "ofAlice")
        caller = world.sign_in(admin)
        forbidden, body = await world.sign_in(world.alice).get("sessions/list.all")
        asked, demand = await caller.get("sessions/list.all")
        headers = second_factor(admin)
        _, listed = await caller.call("GET", "/api/v1/sessions/list.all", headers=headers)
        path = "/api/v1/sessions/info.admin"
        params = {"sessionId": "ofAl"}
        _, found = await caller.call("GET", path, params=params, headers=headers)

    assert (forbidden, body["error"][-21:]) == (403, " [error-unauthorized]")
    assert (asked, demand["errorType"]) == (400, "totp-required")
    assert demand["details"]["method"] == "password"
    assert listed["sessions"][0]["_user"]["username"] == "alice"
    assert found["sessionId"] == "ofAlice"


async def test_an_admin_logs_out_somebody_elses_session() -> None:
    async with open_world() as world:
        admin = world.workspace.add_user("root", roles=("admin",))
        log_in(world.workspace, world.alice, "ofAlice")
        path, body = "/api/v1/sessions/logout", {"sessionId": "ofAlice"}
        caller = world.sign_in(admin)
        status, _ = await caller.call("POST", path, json=body, headers=second_factor(admin))

        assert status == 200
        assert world.workspace.sessions.rows_of(world.alice)[0]["logoutBy"] == admin.id


async def test_rest_calls_with_a_token_leave_no_session() -> None:
    async with open_world() as world:
        await _call_a_bit(world)

        assert world.workspace.sessions.rows_of(world.alice) == []


async def _call_a_bit(world: World) -> None:
    alice = world.sign_in(world.alice)
    await alice.get("me")
    await alice.get("sessions/list")
