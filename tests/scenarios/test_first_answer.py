"""From a direct message to an answer: what a person says and sees."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.stage import Stage, on_each_version, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version) as opened:
        yield opened


@on_each_version
async def test_someone_new_gets_a_link_and_then_the_answer_to_the_question(stage: Stage) -> None:
    alice = await stage.meet("alice")
    link = await alice.ask_for_link(f"!session {EXAMPLE}")
    token = await alice.person.make_personal_access_token("session bot")
    status, page = await alice.person.fill_in(link, user_id=alice.person.user_id, token=token)
    assert status == 200
    assert "You are connected" in page
    assert (await alice.hear()).startswith("You are connected.")
    answer = await alice.hear()
    assert answer.startswith("Chrome 113 on Windows 10 or 11: ")
    assert "IP address: `172.20.0.2` (private network)" in answer
    assert "23 May 2023, 16:33" in answer
    assert EXAMPLE in answer
    await alice.expect_silence()


async def test_a_connected_person_is_answered_at_once(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    for typed in (f"!session {EXAMPLE}", f"session {EXAMPLE}", f"!Session  `{EXAMPLE}`"):
        assert (await alice.ask(typed)).startswith("Chrome 113 on Windows 10 or 11: ")


@on_each_version
async def test_an_answer_in_a_thread_stays_in_the_thread(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    root = await alice.say("!help session")
    await alice.hear()
    await alice.say(f"!session {EXAMPLE}", tmid=root["_id"])
    answer = await alice.person.hear(alice.room_id, seconds=DEADLINE_S)
    while answer["_id"] == root["_id"]:
        answer = await alice.person.hear(alice.room_id, seconds=DEADLINE_S)
    assert answer["tmid"] == root["_id"]


@on_each_version
async def test_somebody_elses_session_and_none_at_all_get_the_same_answer(stage: Stage) -> None:
    bob = await stage.meet_connected("bob")
    foreign = await bob.ask(f"!session {EXAMPLE}")
    unknown = await bob.ask("!session QoYYFw2t9oKks2niX")
    assert foreign == unknown
    assert "finde ich unter deinen nicht" in foreign


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!session", "Which session?"),
        ("!session ../../me", "is not a session id"),
        ("!sesion x", "There is no command sesion. Did you mean `!session`?"),
        ("!xyzzy", "`!help` lists all commands"),
        ("good morning", "I tell you which devices are signed in as you."),
        ("!help", "Show one of your sessions"),
        ("!help session", "`!session last`"),
        ("!help nothing", "There is no command nothing"),
        ("!help !session", "`!session last`"),
        ("help me", "This is what I understand:"),
        ("!help me", "This is what I understand:"),
        ("?", "I tell you which devices are signed in as you."),
        ("! xyzzy", "`!help` lists all commands"),
        ("👋 hello there", "I tell you which devices are signed in as you."),
        ("> what is this", "I tell you which devices are signed in as you."),
        (
            f"[ ](https://chat.example.org/direct/x?msg={EXAMPLE}) thanks",
            "I tell you which devices",
        ),
    ],
)
async def test_what_is_not_understood_is_put_right(tmp_path: Path, typed: str, answer: str) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet("alice")
        assert answer in await alice.ask(typed)


async def test_plain_talk_gets_one_hint_an_hour(stage: Stage) -> None:
    alice = await stage.meet("alice")
    assert "`!help`" in await alice.ask("good morning")
    await alice.say("good evening")
    await alice.expect_silence()
    stage.clock.advance(seconds=3601)
    assert "`!help`" in await alice.ask("hello again")


async def test_a_question_gets_the_hint_again_but_bots_cannot_go_on_asking(stage: Stage) -> None:
    alice = await stage.meet("alice")
    for pause_s, words in ((11, "good morning"), (21, "?"), (41, "are you there?"), (0, "Hilfe")):
        assert "`!help`" in await alice.ask(words)
        await alice.say("and what is this?")
        await alice.expect_silence()
        stage.clock.advance(seconds=pause_s)


async def test_whoami_and_disconnect(stage: Stage) -> None:
    alice = await stage.meet("alice")
    assert "You are alice, and you are not connected." in await alice.ask("!whoami")
    assert "nothing to disconnect" in await alice.ask("!disconnect")
    await alice.connect()
    who = await alice.ask("!whoami")
    assert "You are alice, and you are connected." in who
    assert "A personal access token." in who
    assert "I have deleted your token" in await alice.ask("!disconnect")
    assert "To see your sessions I need your permission." in await alice.ask("!session 1")


@on_each_version
async def test_a_workspace_without_the_licence_says_so(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, is_licensed=False) as stage:
        alice = await stage.meet_connected("alice")
        assert "has no device management" in await alice.ask(f"!session {EXAMPLE}")


@on_each_version
async def test_a_token_that_died_is_forgotten_and_its_owner_told(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    user = stage.simulator.workspace.find_user_by_name("alice")
    assert user is not None
    for name in [token.name for token in user.tokens.values() if token.name]:
        stage.simulator.workspace.remove_personal_access_token(user, name)
    answer = await alice.ask(f"!session {EXAMPLE}")
    assert "no longer accepts the token you gave me" in answer
    assert "/connect/" in answer
    assert "not connected" in await alice.ask("!whoami")
