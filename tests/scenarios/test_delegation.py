"""Connecting through OAuth, on versions where it works and where it does not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.demo import find_link
from rocketchat_simulator.demo.seed import EXAMPLE_SESSION_ID
from tests.support.people import find_retry
from tests.support.stage import Stage, open_stage

HOUR = 3600


@pytest.fixture(params=["6.5", "8.8"])
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, request.param, has_oauth=True) as opened:
        yield opened


@pytest.fixture
async def old_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, "7.7", has_oauth=True) as opened:
        yield opened


async def test_who_presses_the_button_gets_the_answer_to_what_they_asked(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link(f"!session {EXAMPLE_SESSION_ID}")
    visit = await alice.press_button(link)
    assert visit.status == 200
    assert "You are connected" in visit.page
    assert (await alice.hear()).startswith("You are connected.")
    assert "Chrome 113" in await alice.hear()
    told = await alice.ask("!whoami")
    assert "Given in Rocket.Chat." in told
    assert "I renew it until you disconnect." in told


@pytest.mark.parametrize("version", ["6.5", "7.7", "8.8"])
async def test_a_personal_access_token_works_everywhere(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        status, _ = await alice.paste_token(await alice.ask_for_link())
        assert status == 200
        assert (await alice.hear()).startswith("You are connected.")
        told = await alice.ask("!whoami")
        assert "A personal access token." in told
        assert "or delete it in Rocket.Chat" in told
        assert "signed in as you" in await alice.ask("!sessions")


async def test_a_workspace_that_ignores_bearer_tokens_is_found_out_and_remembered(
    old_stage: Stage,
) -> None:
    alice, bob = await old_stage.meet("alice"), await old_stage.meet("bob")
    link = await alice.ask_for_link()
    visit = await alice.press_button(link)
    assert visit.status == 502
    assert "does not accept the permission that it has just granted" in visit.page
    assert "Continue with Rocket.Chat" not in visit.page
    assert (await alice.paste_token(find_retry(visit.page, link)))[0] == 200
    assert (await alice.hear()).startswith("You are connected.")
    page = (await bob.person.visit(await bob.ask_for_link())).page
    assert "This version of your workspace does not accept the permissions" in page
    assert "Continue with Rocket.Chat" not in page


async def test_the_button_is_missing_where_the_operator_has_not_set_it_up(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet("alice")
        link = await alice.ask_for_link()
        assert "Continue with Rocket.Chat" not in (await alice.person.visit(link)).page
        fields = await alice.person.open_form(link)
        assert (await alice.person.visit(f"{link}/oauth", fields)).status == 502
        assert (await alice.paste_token(link))[0] == 200


async def test_who_says_no_is_not_connected_and_can_go_back_to_the_page(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    visit = await alice.press_button(link, allows=False)
    assert visit.status == 401
    assert visit.url.startswith(stage.simulator.url)
    assert "not connected" in await alice.ask("!whoami")
    assert (await alice.press_button(link)).status == 200


async def test_who_comes_back_without_a_code_can_try_again(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    await alice.go_to_consent(link)
    state = link.rpartition("/")[2]
    visit = await alice.person.visit(
        f"{stage.bot.public_url}/oauth/callback?error=access_denied&state={state}"
    )
    assert visit.status == 403
    assert "You did not allow it" in visit.page
    assert (await alice.press_button(link)).status == 200


async def test_a_permission_that_waited_too_long_can_be_given_again(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    way_back = await alice.get_way_back(link)
    stage.clock.advance(seconds=301)
    visit = await alice.person.visit(way_back)
    assert visit.status == 422
    assert "could not be used" in visit.page
    assert (await alice.press_button(find_retry(visit.page, link))).status == 200


async def test_a_workspace_that_is_down_is_told_apart_from_a_used_up_code(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    stage.simulator.faults.fail_next("/oauth/token", status=503, body="no backend")
    visit = await alice.press_button(link)
    assert visit.status == 502
    assert "did not answer" in visit.page
    assert (await alice.press_button(find_retry(visit.page, link))).status == 200


async def test_a_wrong_client_secret_is_the_operators_affair(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link()
    app = stage.simulator.workspace.oauth.apps.all[0]
    app.client_secret = "changed meanwhile"
    visit = await alice.press_button(link)
    assert visit.status == 502
    assert "does not know this bot as an application" in visit.page
    assert (await alice.paste_token(find_retry(visit.page, link)))[0] == 200


async def test_connecting_again_replaces_the_permission(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    assert (await alice.paste_token(await alice.ask_for_link()))[0] == 200
    await alice.hear()
    assert "A personal access token." in await alice.ask("!whoami")
    await alice.connect_by_button()
    assert "Given in Rocket.Chat." in await alice.ask("!whoami")
    assert "It is no longer renewed" in await alice.ask("!disconnect")
    assert "nothing to disconnect" in await alice.ask("!disconnect")


async def test_a_token_is_renewed_before_it_expires_and_once_for_all_who_wait(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.clock.advance(seconds=HOUR - 90)
    before = stage.count_calls("/oauth/token")
    for _ in range(4):
        await alice.say("!sessions")
    for _ in range(4):
        assert "signed in as you" in await alice.hear()
    assert stage.count_calls("/oauth/token") == before + 1


async def test_a_token_that_ended_early_is_renewed_without_a_word(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    refuse_once(stage, "sessions/list", "me")
    assert "signed in as you" in await alice.ask("!sessions")
    assert stage.count_calls("/oauth/token") == 2


async def test_a_refusal_that_is_not_the_tokens_fault_costs_no_connection(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    refuse_once(stage, "sessions/list")
    assert "an answer that I do not understand" in await alice.ask("!sessions")
    assert "signed in as you" in await alice.ask("!sessions")
    assert stage.count_calls("/oauth/token") == 1


async def test_a_dead_permission_is_forgotten_and_its_owner_told_once(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.simulator.workspace.oauth.revoke(stage.people.alice)
    told = await alice.ask("!sessions")
    assert "no longer accepts the token you gave me" in told
    assert find_link({"msg": told})
    assert "not connected" in await alice.ask("!whoami")


async def test_an_answer_lost_on_the_way_ends_the_connection_and_the_owner_is_told(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.clock.advance(seconds=HOUR)
    stage.simulator.faults.lose_answer("/oauth/token")
    assert "did not answer" in await alice.ask("!sessions")
    assert "no longer accepts the token you gave me" in await alice.ask("!sessions")
    assert (await alice.connect_by_button()).startswith("You are connected.")
    assert "signed in as you" in await alice.ask("!sessions")


async def test_neither_licence_nor_limit_nor_outage_makes_a_token_dead(stage: Stage) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    stage.simulator.faults.fail_next("sessions/list", status=502, times=3)
    assert "did not answer" in await alice.ask("!sessions")
    stage.simulator.workspace.is_licensed = False
    assert "no device management" in await alice.ask("!sessions")
    stage.simulator.workspace.is_licensed = True
    stage.clock.advance(seconds=HOUR)
    stage.simulator.faults.fail_next("/oauth/token", status=500)
    assert "did not answer" in await alice.ask("!sessions")
    assert "signed in as you" in await alice.ask("!sessions")


async def test_a_workspace_set_back_to_a_version_that_ignores_bearer_ends_it_honestly(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    await alice.connect_by_button()
    refuse_once(stage, *["sessions/list", "me"] * 9)
    told = await alice.ask("!sessions")
    assert "no longer accepts the token you gave me" in told
    stage.simulator.faults.clear()
    page = (await alice.person.visit(find_link({"msg": told}))).page
    assert "This version of your workspace does not accept the permissions" in page


async def test_two_people_are_renewed_side_by_side(stage: Stage) -> None:
    people = [await stage.meet(name) for name in ("alice", "bob")]
    for each in people:
        await each.connect_by_button()
    stage.clock.advance(seconds=HOUR)
    await asyncio.gather(*(each.say("!sessions") for each in people))
    for answer in await asyncio.gather(*(each.hear() for each in people)):
        assert "`!session 1`" in answer
    assert stage.count_calls("/oauth/token") == 4


def refuse_once(stage: Stage, *routes: str) -> None:
    for route in routes:
        stage.simulator.faults.fail_next(
            route,
            status=401,
            body='{"success": false, "status": "error", "message": "You must be logged in"}',
            content_type="application/json",
        )
