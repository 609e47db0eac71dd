"""Logging in, accounts, direct messages and unknown routes of the simulated workspace."""

import pytest

from rocketchat_simulator.workspace.documents import digest_password
from tests.support.rest_caller import EVERY_VERSION, open_world

EARLY_401 = {"status": "error", "message": "You must be logged in to do this."}
LATE_401 = {**EARLY_401, "success": False, "error": "You must be logged in to do this."}


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_login_gives_a_token_that_works_and_can_be_resumed(version: str) -> None:
    async with open_world(version) as world:
        anybody = world.sign_in()
        _, body = await anybody.post("login", user="alice", password="wonderland")
        hashed = {"digest": digest_password("wonderland"), "algorithm": "sha-256"}
        by_digest, _ = await anybody.post("login", user="alice@example.test", password=hashed)
        token = body["data"]["authToken"]
        _, me = await world.sign_in(world.alice, token=token).get("me")
        _, again = await anybody.post("login", resume=token)

    assert body["data"]["userId"] == me["_id"] == world.alice.id
    assert by_digest == 200
    assert again["data"]["authToken"] == token


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("6.5", {"status": "error", "error": 403, "message": "Incorrect password"}),
        (
            "8.3",
            {
                "success": False,
                "status": "error",
                "error": "Unauthorized",
                "message": "Unauthorized",
            },
        ),
    ],
)
async def test_a_wrong_password_is_refused_in_the_versions_words(
    version: str, expected: object
) -> None:
    async with open_world(version) as world:
        answer = await world.sign_in().post("login", user="alice", password="wrong")

    assert answer == (401, expected)


@pytest.mark.parametrize(
    ("version", "expected"), [("6.5", EARLY_401), ("8.3", LATE_401), ("8.8", LATE_401)]
)
async def test_a_token_is_good_for_its_owner_only(version: str, expected: object) -> None:
    async with open_world(version) as world:
        token = world.workspace.make_login_token(world.alice)
        mixed = await world.sign_in(world.bob, token=token).get("me")
        made_up = await world.sign_in(world.alice, token="made-up").get("me")
        nobody = await world.sign_in().get("me")

    assert mixed == made_up == nobody == (401, expected)


async def test_deactivating_somebody_ends_their_tokens() -> None:
    async with open_world() as world:
        admin = world.workspace.add_user("root", roles=("admin",))
        alice = world.sign_in(world.alice)
        await world.sign_in(admin).post(
            "users.setActiveStatus", userId=world.alice.id, activeStatus=False
        )
        status, _ = await alice.get("me")
        _, refused = await world.sign_in().post("login", user="alice", password="wonderland")

    assert status == 401
    assert refused["error"] == "error-user-is-not-activated"


async def test_me_tells_language_and_offset_and_others_do_not_see_the_language() -> None:
    async with open_world() as world:
        carla = world.workspace.add_user("carla", language="de", utc_offset=5.5)
        _, me = await world.sign_in(carla).get("me")
        _, unset = await world.sign_in(world.alice).get("me")
        _, seen = await world.sign_in(world.bot).get("users.info", username="carla")

    assert (me["language"], me["settings"]["preferences"]["language"]) == ("de", "de")
    assert me["utcOffset"] == seen["user"]["utcOffset"] == 5.5
    assert not {"utcOffset", "language"} & unset.keys()
    assert not {"language", "emails", "roles"} & seen["user"].keys()


async def test_personal_access_tokens_are_made_listed_and_removed() -> None:
    async with open_world() as world:
        alice = world.sign_in(world.alice)
        _, made = await alice.post("users.generatePersonalAccessToken", tokenName="bot")
        twice, _ = await alice.post("users.generatePersonalAccessToken", tokenName="bot")
        holder = world.sign_in(world.alice, token=made["token"])
        works, _ = await holder.get("sessions/list")
        _, listed = await alice.get("users.getPersonalAccessTokens")
        await alice.post("users.removePersonalAccessToken", tokenName="bot")
        gone, _ = await holder.get("sessions/list")
        plain = world.workspace.add_user("plain", roles=("bot",))
        _, refused = await world.sign_in(plain).post(
            "users.generatePersonalAccessToken", tokenName="bot"
        )

    assert len(made["token"]) == 43
    assert (works, twice, gone) == (200, 400, 401)
    assert listed["tokens"][0]["lastTokenPart"] == made["token"][-6:]
    assert refused["errorType"] == "not-authorized"


async def test_6_5_refuses_a_direct_message_with_nobody_and_8_3_makes_a_lonely_one() -> None:
    async with open_world("6.5") as world:
        _, early = await world.sign_in(world.bot).post("im.create", username="nobody")
    async with open_world("8.3") as world:
        _, late = await world.sign_in(world.bot).post("im.create", username="nobody")

    assert early["errorType"] == "error-invalid-user"
    assert late["room"]["usernames"] == ["sessions"]


@pytest.mark.parametrize(("version", "length"), [("6.5", 34), ("8.3", 24)])
async def test_a_direct_message_is_made_once(version: str, length: int) -> None:
    async with open_world(version) as world:
        _, mine = await world.sign_in(world.bot).post("im.create", username="alice")
        _, theirs = await world.sign_in(world.alice).post("im.create", username="sessions")

    assert mine["room"] == theirs["room"]
    assert len(mine["room"]["rid"]) == length


async def test_6_5_answers_unknown_routes_with_a_page_or_nothing() -> None:
    async with open_world("6.5") as world:
        anybody = world.sign_in()
        page, text = await anybody.get("no.such")
        nothing = await anybody.post("no.such")
        wrong_verb, body = await anybody.post("me")

    assert (page, text[:15]) == (200, "<!DOCTYPE html>")
    assert nothing == (405, "")
    assert (wrong_verb, body["message"]) == (405, "API endpoint does not exist")


async def test_8_3_answers_unknown_routes_with_404_in_plain_text() -> None:
    async with open_world("8.3") as world:
        anybody = world.sign_in()

        assert await anybody.get("no.such") == (404, "404 Not Found")
        assert await anybody.post("me") == (404, "404 Not Found")


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_info_tells_the_version_to_anybody(version: str) -> None:
    async with open_world(version) as world:
        status, body = await world.sign_in().call("GET", "/api/info")

    assert (status, body["version"]) == (200, version)


async def test_the_page_offers_people_only_where_there_are_some() -> None:
    async with open_world() as world:
        anybody = world.sign_in()
        missing, _ = await anybody.call("GET", "/demo/people")
        world.simulator.demo_people.append(world.alice)
        _, people = await anybody.call("GET", "/demo/people")
        status, page = await anybody.call("GET", "/")

    assert missing == 404
    assert people == [{"username": "alice", "name": "Alice Example", "password": "wonderland"}]
    assert (status, page.lower()[:9]) == (200, "<!doctype")


async def test_requests_are_logged_without_tokens() -> None:
    async with open_world() as world:
        await world.sign_in(world.alice).get("me")
        logged = world.simulator.requests[-1]

    assert (logged.method, logged.path, logged.status) == ("GET", "/api/v1/me", 200)
    assert logged.user_id == world.alice.id
    assert not any(secret in repr(logged) for secret in world.workspace.secrets())


async def test_a_workspace_knows_every_secret_it_made() -> None:
    async with open_world() as world:
        _, body = await world.sign_in().post("login", user="alice", password="wonderland")
        token = body["data"]["authToken"]
        world.workspace.open_session(world.alice, session_id="one", token=token)
        _, found = await world.sign_in(world.alice).get("sessions/info", sessionId="one")

    assert {"wonderland", token, found["loginToken"]} <= world.workspace.secrets()
    assert "wonderland" not in repr(world.alice)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_renamed_user_keeps_id_and_room_and_frees_the_old_name(version: str) -> None:
    async with open_world(version) as world:
        alice, bot = world.alice, world.sign_in(world.bot)
        _, before = await bot.post("im.create", username="alice")
        admin = world.sign_in(world.workspace.add_user("root", roles=("admin",)))
        status, body = await admin.post(
            "users.update", userId=alice.id, data={"username": "alice.b"}
        )
        _, seen = await bot.get("users.info", userId=alice.id)
        _, after = await bot.post("im.create", username="alice.b")
        _, room = await bot.get("rooms.info", roomId=after["room"]["_id"])
        old, body_of_old = await bot.post("im.create", username="alice")
        refused, _ = await bot.post("users.update", userId=alice.id, data={"username": "x"})

    assert status == 200
    assert body["user"]["username"] == seen["user"]["username"] == "alice.b"
    assert after["room"]["_id"] == before["room"]["_id"]
    assert sorted(after["room"]["usernames"]) == ["alice.b", "sessions"]
    assert sorted(room["room"]["uids"]) == sorted([alice.id, world.bot.id])
    assert old == (400 if version == "6.5" else 200)
    assert version == "6.5" or body_of_old["room"]["usernames"] == ["sessions"]
    assert refused == 400


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_with_second_factors_on_guarded_routes_and_verified_people_need_one(
    version: str,
) -> None:
    async with open_world(version) as world:
        world.workspace.has_second_factor = True
        admin = world.workspace.add_user("root", password="wonderland", roles=("admin",))
        code = {"x-2fa-method": "password", "x-2fa-code": digest_password("wonderland")}
        logins: list[tuple[int, object]] = []
        for name, is_verified in (("verified", True), ("unverified", False)):
            account: dict[str, object] = {"name": name, "username": name, "password": "wonderland"}
            account |= {"email": f"{name}@example.test", "verified": is_verified}
            path = "/api/v1/users.create"
            await world.sign_in(admin).call("POST", path, json=account, headers=code)
            status, body = await world.sign_in().post("login", user=name, password="wonderland")
            logins.append((status, body.get("error")))
        route = "users.generatePersonalAccessToken"
        without = await world.sign_in(world.alice).post(route, tokenName="t")
        account |= {"username": "third", "email": "third@example.test"}
        created, _ = await world.sign_in(admin).post("users.create", **account)

    assert logins == [(401, "totp-required"), (200, None)]
    assert without[0] == 400
    assert without[1]["details"]["method"] == "password"
    assert created == (400 if version == "8.8" else 200)
