"""What users of other bots have reported, tried on this one (docs/other-bots.md)."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.formatting.text import MESSAGE_LIMIT, utf16_length
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage

FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
START = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, start=START) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Conversation:
    return await stage.meet_connected("alice")


@pytest.fixture
def chicago(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine be in Chicago."""
    monkeypatch.setenv("TZ", "America/Chicago")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def test_a_command_in_its_own_words_is_not_run(stage: Stage, alice: Conversation) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    for text in ("!help", "@sessions help", "!echo !echo !help"):
        workspace.say(people.bot, stage.find_room(alice), text)
        assert (await alice.hear()) == text
        await alice.expect_silence()


async def test_a_message_of_attachments_alone_does_no_harm(
    stage: Stage, alice: Conversation
) -> None:
    workspace, room = stage.simulator.workspace, stage.find_room(alice)
    workspace.say(stage.people.alice, room, "", attachments=[{"title": "a", "text": "!session 2"}])
    assert (await alice.hear()).startswith("I tell you which devices")
    await alice.expect_silence()


@pytest.mark.parametrize(
    "text",
    [
        "!```@all```",
        "!x` @all `x",
        "!`@all",
        "!x` <@all> `x",
        "!session @here",
        "!timezone `@all`",
        "!help ``@bob``",
        "!sessions ```\n@all\n```",
        "!name 2 `@all`",
    ],
)
async def test_no_words_make_it_mention_anybody(alice: Conversation, text: str) -> None:
    await alice.say(text)
    answer = await alice.person.hear(alice.room_id, seconds=DEADLINE_S)
    assert not answer["mentions"]


@pytest.mark.usefixtures("chicago")
async def test_where_the_machine_is_does_not_matter(alice: Conversation) -> None:
    answer = await alice.ask("!timezone Europe/Berlin")
    assert "where it is 13:00 now" in answer
    assert "Sat 16 Jan 2027, 09:00" in await alice.ask("!report daily 09:00")
    report = await alice.hear_at(datetime(2027, 1, 16, 8, 0, tzinfo=UTC))
    assert report.startswith("Your report")


async def test_long_answers_are_cut_and_come(stage: Stage, alice: Conversation) -> None:
    await alice.ask("!alerts on")
    for number in range(40):
        long = CHROME_WINDOWS | {"name": f"\N{GRINNING FACE}{number} " + "W_" * 500}
        stage.sign_in(long, f"2001:db8:{number:x}:ffff:ffff:ffff:ffff:ffff")
    await stage.clock.pass_to(datetime(2027, 1, 15, 12, 5, tzinfo=UTC))
    alert = await alice.hear()
    assert alert.startswith("40 new devices")
    answers = [await alice.ask(words) for words in ("!sessions", "!report", "!logout others")]
    assert all(utf16_length(each) <= MESSAGE_LIMIT for each in [alert, *answers])


async def test_a_reply_that_quotes_is_run(stage: Stage, alice: Conversation) -> None:
    said = await alice.say("!help session")
    await alice.hear()
    link = f"[ ]({stage.simulator.url}/direct/{alice.room_id}?msg={said['_id']})"
    assert (await alice.ask(f"{link}\n!session {FIREFOX}")).startswith("Firefox 131")


@pytest.mark.parametrize("why", ["muted", "archived", "read only"])
async def test_a_room_where_it_may_not_speak_delays_nothing(
    stage: Stage, alice: Conversation, why: str
) -> None:
    workspace, people = stage.simulator.workspace, stage.people
    room = workspace.make_channel("quiet", [people.alice, people.bot])
    if why == "muted":
        room.muted_ids.add(people.bot.id)
    said = workspace.say(people.alice, room, f"@sessions session {FIREFOX}")
    if why == "archived":
        room.document["archived"] = True
    if why == "read only":
        room.document["ro"] = True
    assert (await alice.hear()).startswith("Firefox 131")
    await alice.expect_silence()
    assert [each["_id"] for each in workspace.messages.of(room)] == [said["_id"]]


async def test_a_thread_reply_shown_in_the_room_is_answered_once(alice: Conversation) -> None:
    root = await alice.say("!help session")
    await alice.hear()
    await alice.say(f"!session {FIREFOX}", tmid=root["_id"], tshow=True)
    assert (await alice.hear()).startswith("Firefox 131")
    await alice.expect_silence()


async def test_what_a_phone_makes_of_quotes_and_dashes_is_understood(
    stage: Stage, alice: Conversation
) -> None:
    whole = "40217718-9f3a-11f1-9d1c-0242ac120002"
    workspace, people = stage.simulator.workspace, stage.people
    token = workspace.make_login_token(people.alice)
    workspace.open_session(people.alice, session_id=whole, token=token, device=CHROME_WINDOWS)
    for connecting, closing in ("“”", "\u2018\u2019", "„“", '""'):
        answer = await alice.ask(f"!name {FIREFOX} {connecting}kitchen tablet{closing}")
        assert answer.endswith("is now “kitchen tablet”.")
    for dash in "\u2010\u2011\u2013\u2014\u2212":
        assert whole in await alice.ask(f"!session {whole.replace('-', dash)}")
        assert "UTC-02:00" in await alice.ask(f"!timezone UTC{dash}2")
