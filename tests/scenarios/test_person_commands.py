"""The commands about the person: zone, privacy, erasure."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


async def test_times_follow_the_zone_that_a_person_chose(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    assert "Asia/Tokyo" in await alice.ask("!timezone tokyo")
    assert "24 May 2023, 01:33" in await alice.ask("!session QoYYFw2t9oKks2niG")
    assert "Your time zone is Asia/Tokyo" in await alice.ask("!timezone")
    assert "From now on your time zone is Europe/Lisbon" in await alice.ask(
        "!timezone Europe/Lisbon"
    )


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!timezone Europe/Lisbonn", "Did you mean `!timezone Europe/Lisbon`?"),
        ("!timezone lisbo", "Did you mean `!timezone Europe/Lisbon`?"),
        ("!timezone Middle Earth Shire", "For example: `!timezone Europe/Lisbon`"),
        ("!timezone ../../etc/passwd", "There is no time zone"),
        # What these are like is hours away.
        ("!timezone tokyoo", "For example: `!timezone Europe/Lisbon`"),
        ("!timezone Johnstown", "For example: `!timezone Europe/Lisbon`"),
        ("!timezone CEST", "For example: `!timezone Europe/Lisbon`"),
        ("!timezone PST", "For example: `!timezone Europe/Lisbon`"),
        ("!timezone Etc/GMT+2", "`!timezone UTC+2` is ahead of Greenwich, `!timezone UTC-2` is"),
        ("!timezone +05:30", "Name a place: `!timezone Asia/Kolkata`."),
        ("!timezone UTC-13", "The offset UTC-13 alone is not a time zone."),
        ("!timezone UTC+99", "There is no time zone UTC+99."),
    ],
)
async def test_a_zone_that_does_not_exist_is_put_right(
    stage: Stage, typed: str, answer: str
) -> None:
    alice = await stage.meet_connected("alice")
    assert answer in await alice.ask(typed)


@pytest.mark.parametrize(
    ("typed", "zone", "offset_h"),
    [
        ("GMT+2", "UTC+02:00", 2),
        ("utc+2", "UTC+02:00", 2),
        ("UTC + 02:00", "UTC+02:00", 2),
        ("+2", "UTC+02:00", 2),
        ("\u22125", "UTC-05:00", -5),
        ("gmt-11", "UTC-11:00", -11),
        ("UTC+14", "UTC+14:00", 14),
    ],
)
async def test_an_offset_is_what_people_mean_by_it(
    stage: Stage, typed: str, zone: str, offset_h: int
) -> None:
    stage.clock.move_to(datetime(2027, 1, 15, 12, 0, tzinfo=UTC))
    alice = await stage.meet_connected("alice")
    answer = await alice.ask(f"!timezone {typed}")
    assert f"your time zone is {zone}, where it is {(12 + offset_h) % 24:02}:00" in answer
    assert "does not follow daylight saving time by itself. A place does: `!timezone " in answer
    assert "A place does" in await alice.ask("!report daily 09:00")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
async def test_a_place_and_utc_need_no_note(stage: Stage, zone: str) -> None:
    alice = await stage.meet_connected("alice")
    assert "daylight" not in await alice.ask(f"!timezone {zone}")


async def test_an_offset_of_rocketchats_is_said_to_be_one(stage: Stage) -> None:
    stage.clock.move_to(datetime(2027, 1, 15, 12, 0, tzinfo=UTC))
    stage.people.alice.utc_offset = 1.0
    alice = await stage.meet_connected("alice")
    assert "A place does: `!timezone Europe/Berlin`" in await alice.ask("!timezone")


async def test_someone_unconnected_is_asked_to_connect_before_choosing_a_zone(
    stage: Stage,
) -> None:
    alice = await stage.meet("alice")
    assert "once you are connected" in await alice.ask("!timezone Tokyo")


async def test_everything_stored_is_shown_and_erased(stage: Stage) -> None:
    alice = await stage.meet("alice")
    assert (await alice.ask("!privacy")).startswith("I store nothing about you.")
    await alice.connect()
    await alice.ask("!sessions")
    await alice.ask("!name 2 kitchen tablet")
    shown = await alice.ask("!privacy")
    assert "kitchen tablet" in shown
    assert "Session ids of your last list: 11" in shown
    assert "Erase everything I have stored about you?" in await alice.ask("!forget")
    assert "I have erased everything" in await alice.ask("!confirm")
    assert (await alice.ask("!privacy")).startswith("I store nothing about you.")


def list_traces(database: Path, *words: str) -> list[str]:
    """Return the rows of any table that hold one of the words."""
    with closing(sqlite3.connect(database)) as opened:
        names = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {name: opened.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}  # noqa: S608 - our own names
    return [
        f"{name}: {row}"
        for name, rows in tables.items()
        for row in rows
        if any(word in repr(row) for word in words)
    ]


async def expect_no_traces(database: Path, *words: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        # The last row is cleared just after its answer is sent.
        while list_traces(database, *words):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_nothing_in_the_database_names_somebody_who_was_forgotten(stage: Stage) -> None:
    alice, database = await stage.meet_connected("alice"), stage.folder / "bot.db"
    for said in ("!sessions", "!name 2 kitchen tablet", "!report daily 09:00", "!alerts on"):
        await alice.ask(said)
    traces = (alice.person.user_id, alice.room_id)
    assert list_traces(database, *traces)
    await alice.ask("!forget")
    assert "I have erased everything" in await alice.ask("!confirm")
    await expect_no_traces(database, *traces)


async def test_a_check_that_goes_on_while_its_person_is_forgotten_writes_nothing_back(
    tmp_path: Path,
) -> None:
    async with open_stage(tmp_path, start=datetime(2027, 1, 15, 18, 0, tzinfo=UTC)) as stage:
        alice, bob = await stage.meet_connected("alice"), await stage.meet_connected("bob")
        database, workspace = stage.folder / "bot.db", stage.simulator.workspace
        await alice.ask("!alerts on")
        stage.clock.advance(seconds=1)
        await bob.ask("!alerts on")
        await stage.clock.pass_to(stage.clock.now() + timedelta(minutes=4))
        await alice.ask("!forget")
        for user in (stage.people.alice, stage.people.bob):
            token = workspace.make_login_token(user)
            workspace.open_session(user, token=token, device=CHROME_WINDOWS, ip="198.18.0.77")
        may_go_on = asyncio.Event()
        stage.simulator.faults.hold_answer("sessions/list", may_go_on)
        before = stage.count_calls("sessions/list")
        checking = asyncio.create_task(
            stage.clock.pass_to(stage.clock.now() + timedelta(minutes=1))
        )
        await stage.wait_for_calls("sessions/list", before + 1)
        assert "I have erased everything" in await alice.ask("!confirm")
        await expect_no_traces(database, alice.person.user_id)
        may_go_on.set()
        await checking
        # They are looked after one after the other: Bob hears of his device when hers were.
        hearing = asyncio.create_task(bob.hear())
        while not hearing.done():
            await stage.clock.pass_to(stage.clock.now() + timedelta(seconds=20))
            await asyncio.wait([hearing], timeout=0.05)
        assert "198.18.0.77" in await hearing
        await alice.expect_silence()
        await expect_no_traces(database, alice.person.user_id)


async def connect(alice: Conversation, link: str, way: str) -> tuple[int, str]:
    if way == "token":
        return await alice.paste_token(link)
    visit = await alice.press_button(link)
    return visit.status, visit.page


@pytest.mark.parametrize("way", ["token", "button"])
async def test_who_connects_while_being_forgotten_is_forgotten(tmp_path: Path, way: str) -> None:
    async with open_stage(tmp_path, has_oauth=True) as stage:
        alice, database = await stage.meet("alice"), stage.folder / "bot.db"
        link = await alice.ask_for_link("!sessions")
        may_connect = asyncio.Event()
        stage.simulator.faults.hold_answer("me", may_connect)
        before = stage.count_calls("/me")
        connecting = asyncio.create_task(connect(alice, link, way))
        await stage.wait_for_calls("/me", before + 1)
        await alice.ask("!forget")
        assert "I have erased everything" in await alice.ask("!confirm")
        assert not connecting.done()
        may_connect.set()
        status, page = await connecting
        assert status == 410
        assert "!connect" in page
        await alice.expect_silence()
        await expect_no_traces(database, alice.person.user_id, alice.room_id)


async def test_a_question_that_waits_for_its_asker_to_connect_is_shown_and_forgotten(
    stage: Stage,
) -> None:
    alice, database = await stage.meet("alice"), stage.folder / "bot.db"
    await alice.ask("!sessions")
    assert "A question that waits until you connect" in await alice.ask("!privacy")
    await alice.ask("!forget")
    assert "I have erased everything" in await alice.ask("!confirm")
    await expect_no_traces(database, alice.person.user_id, alice.room_id)


async def test_a_person_with_another_language_reads_it(stage: Stage) -> None:
    bob = await stage.meet_connected("bob")
    answer = await bob.ask("!session Nf5tEx2AmWd7YcPuL")
    assert "Chrome 113 unter Windows 10 oder 11" in answer
    assert "vor 5 Stunden" in answer
    assert "UTC+01:00" in await bob.ask("!timezone")
