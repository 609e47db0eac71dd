"""What a workspace with anonymous reading switched on, or as 7.7, makes of wrong tokens."""

import pytest

from rocketchat_simulator import Simulator
from tests.support.rest_caller import EVERY_VERSION, Caller, World, open_world


def pretend_to_be_alice(world: World) -> Caller:
    return world.sign_in(world.alice, token="made-up")


async def test_7_7_takes_the_user_id_of_the_header_for_granted() -> None:
    async with open_world("7.7", allows_anonymous_reading=True) as world:
        status, me = await pretend_to_be_alice(world).get("me")
        listed, _ = await pretend_to_be_alice(world).get("sessions/list")

    assert (status, me["_id"], listed) == (200, world.alice.id, 200)


@pytest.mark.parametrize(("version", "expected"), [("6.5", 400), ("8.3", 401), ("8.8", 401)])
async def test_other_versions_do_not(version: str, expected: int) -> None:
    async with open_world(version, allows_anonymous_reading=True) as world:
        status, _ = await pretend_to_be_alice(world).get("me")

    assert status == expected


@pytest.mark.parametrize("version", ["6.5", "7.7"])
async def test_nobody_is_not_refused_but_served_nothing(version: str) -> None:
    async with open_world(version, allows_anonymous_reading=True) as world:
        nobody = world.sign_in()
        status, body = await nobody.get("me")
        administration, _ = await nobody.get("sessions/list.all")

    assert (status, body["success"], administration) == (400, False, 403)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_with_the_switch_off_a_wrong_token_is_401(version: str) -> None:
    async with open_world(version) as world:
        status, _ = await pretend_to_be_alice(world).get("me")

    assert status == 401


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_a_right_token_is_its_owners_with_the_switch_on(version: str) -> None:
    async with open_world(version, allows_anonymous_reading=True) as world:
        status, me = await world.sign_in(world.alice).get("me")

    assert (status, me["_id"]) == (200, world.alice.id)


async def test_7_7_tells_anybody_that_it_has_no_licence() -> None:
    async with open_world("7.7", is_licensed=False) as world:
        status, body = await world.sign_in().get("sessions/list")

    assert (status, body["errorType"]) == (400, "error-action-not-allowed")


async def test_7_7_does_not_limit_calls() -> None:
    async with open_world("7.7", limit_calls=2) as world:
        alice = world.sign_in(world.alice)
        statuses = {(await alice.get("me"))[0] for _ in range(5)}

    assert statuses == {200}


async def test_7_7_answers_unknown_routes_with_404_and_names_itself() -> None:
    async with open_world("7.7") as world:
        unknown, _ = await world.sign_in(world.alice).get("no.such.route")
        _, server = await world.sign_in().call("GET", "/api/info")

    assert (unknown, server["version"]) == (404, "7.7")


def test_there_is_no_version_that_nobody_described() -> None:
    with pytest.raises(KeyError):
        Simulator(version="5.4")
