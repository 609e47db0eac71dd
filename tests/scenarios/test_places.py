"""Places of addresses in what people read, where the operator gives a database of them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import PlacesSettings
from tests.support.places import LISBON, SWITZERLAND, write_places
from tests.support.stage import Stage, on_each_version, open_stage

START = datetime(2027, 1, 15, 18, 0, tzinfo=UTC)
PLACES = {"203.0.113.0/24": LISBON, "192.0.2.0/24": SWITZERLAND}


@pytest.fixture
async def stage(tmp_path: Path, version: str) -> AsyncIterator[Stage]:
    places = PlacesSettings(database=write_places(tmp_path / "places.mmdb", PLACES))
    async with open_stage(tmp_path, version, start=START, places=places) as opened:
        yield opened


@on_each_version
async def test_places_are_shown_in_answers_alerts_and_reports(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    devices = await alice.ask("!sessions")
    assert "`203.0.113.7` (near Lisbon, Portugal)" in devices
    assert "`198.51.100.23`" in devices
    assert "`198.51.100.23` (" not in devices
    assert "`203.0.113.7` (near Lisbon, Portugal)" in await alice.ask("!session hQ7rXk2Zs9TtYw3Ab")
    near = await alice.ask("!sessions lisbon")
    assert "near Lisbon" in near
    assert "198.51.100.23" not in near
    await alice.ask("!alerts on")
    stage.sign_in(ip="192.0.2.99")
    await stage.clock.pass_to(START + timedelta(minutes=5))
    assert "from `192.0.2.99` (Switzerland), not seen before" in await alice.hear()
    await alice.ask("!report daily 19:00")
    report = await alice.hear_at(START + timedelta(hours=1))
    assert "`192.0.2.99` (Switzerland)" in report
    assert "`203.0.113.7` (near Lisbon, Portugal)" in report


async def test_they_are_named_in_the_persons_language(stage: Stage) -> None:
    workspace = stage.simulator.workspace
    workspace.open_session(
        stage.people.bob, token=workspace.make_login_token(stage.people.bob), ip="203.0.113.99"
    )
    bob = await stage.meet_connected("bob")
    assert "`203.0.113.99` (nahe Lissabon, Portugal)" in await bob.ask("!sessions")


async def test_without_the_file_the_bot_works_and_shows_addresses(tmp_path: Path) -> None:
    places = PlacesSettings(database=tmp_path / "none.mmdb")
    async with open_stage(tmp_path, places=places) as stage:
        alice = await stage.meet_connected("alice")
        devices = await alice.ask("!sessions")
        assert "`203.0.113.7`" in devices
        assert "near" not in devices
