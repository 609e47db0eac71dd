"""What Prometheus reads: correct numbers, and nothing that identifies anybody."""

import asyncio
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bot import commands
from bot.app import open_worker
from bot.commands.registry import load_commands
from bot.metrics import CommandOutcome, ReportOutcome
from bot.storage.database import open_database
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.metrics_page import find_row
from tests.support.stage import Stage, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"
ROUTES = {
    "info",
    "v1/me",
    "v1/chat.getMessage",
    "v1/chat.sendMessage",
    "v1/im.create",
    "v1/im.history",
    "v1/channels.history",
    "v1/groups.history",
    "v1/rooms.get",
    "v1/rooms.info",
    "v1/rooms.media",
    "v1/rooms.mediaConfirm",
    "v1/settings.public",
    "v1/users.logoutOtherClients",
    "v1/sessions/info",
    "v1/sessions/list",
    "v1/sessions/logout.me",
}
METHODS = ("GET ", "POST ")
# Labels whose values the page for operators lists.
LISTED = {"outcome", "status", "priority", "queue", "kind", "scope"}
CLOSED: dict[str, set[str]] = {
    "command": {each.name for each in load_commands(commands)} | {"unknown"},
    "outcome": {str(each) for each in (*CommandOutcome, *ReportOutcome)},
    "route": ROUTES | {method + route for method in METHODS for route in ROUTES},
    "status": {"none", "foreign", "2xx", "3xx", "4xx", "429", "5xx"},
    "queue": {"received", "claimed"},
    "kind": {"messages", "reports", "reports_due", "connected", "with_alerts"},
    "priority": {"interactive", "background"},
    "version": {version("session-bot")},
}


async def scrape(stage: Stage) -> str:
    return await fetch(stage.bot.public_url)


async def fetch(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return await response.text()


def read(text: str) -> list[Sample]:
    return [each for family in text_string_to_metric_families(text) for each in family.samples]


def find(samples: Iterable[Sample], name: str, **labels: str) -> float:
    [value] = [
        each.value
        for each in samples
        if each.name == f"session_bot_{name}" and each.labels.items() >= labels.items()
    ]
    return value


async def live(stage: Stage) -> None:
    alice, bob = await stage.meet("alice"), await stage.meet("bob")
    await bob.ask_for_link("!sessions")
    await alice.connect()
    for said in ("!sessions", f"!session {EXAMPLE}", "!xyzzy", "!xyzzy2", "!report daily 9"):
        await alice.ask(said)
    await alice.ask("!alerts on")
    stage.simulator.faults.fail_next("sessions/info", status=500, times=3)
    await alice.ask("!session last")
    workspace = stage.simulator.workspace
    token = workspace.make_login_token(stage.people.alice)
    workspace.open_session(stage.people.alice, token=token, device=CHROME_WINDOWS, ip="192.0.2.9")
    stage.clock.advance(seconds=600)
    assert (await alice.hear()).startswith("New device")
    await alice.say("thanks")
    await alice.hear()


async def test_the_numbers_are_true(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await live(stage)
        async with asyncio.timeout(DEADLINE_S):
            # An answer is heard before the bot has noted that it has given it.
            while find(samples := read(await scrape(stage)), "reply_seconds_count") < 9:  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(0.02)
        frames = find(samples, "realtime_frames_total")
    assert find(samples, "realtime_up") == 1
    assert find(samples, "realtime_silence_seconds") < 10
    assert frames > 10
    assert find(samples, "realtime_disconnects_total") == 0
    assert find(samples, "commands_total", command="sessions", outcome="asked_to_connect") == 1
    assert find(samples, "commands_total", command="sessions", outcome="answered") == 1
    assert find(samples, "commands_total", command="unknown", outcome="refused") == 2
    assert find(samples, "commands_total", command="session", outcome="failed") == 1
    assert find(samples, "reply_seconds_count") == 9
    assert find(samples, "rest_responses_total", route="v1/sessions/info", status="5xx") == 3
    assert find(samples, "rest_request_seconds_count", route="v1/sessions/list") >= 3
    assert find(samples, "rate_limit_allowed", route="GET v1/sessions/list") == 1000
    assert find(samples, "rate_limit_remaining", route="GET v1/sessions/list") < 1000
    assert find(samples, "accounts", kind="connected") == 1
    assert find(samples, "accounts", kind="with_alerts") == 1
    assert find(samples, "alerts_total") == 1
    assert find(samples, "backlog", kind="messages") == 0
    assert (
        find(samples, "storage_tasks_total")
        >= find(samples, "storage_transaction_seconds_count")
        > 10
    )
    assert find(samples, "storage_up") == 1


async def test_every_label_is_from_a_closed_set_and_nobody_is_in_the_text(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await live(stage)
        text = await scrape(stage)
        workspace = stage.simulator.workspace
        people = {value for user in workspace.users for value in (user.id, user.username)}
        rooms = {room.id for room in workspace.rooms.all}
        sessions = {
            row["sessionId"] for user in workspace.users for row in workspace.sessions.rows_of(user)
        }
        hidden = workspace.secrets() | (people - {"sessions"}) | rooms | sessions
    for sample in read(text):
        for label, value in sample.labels.items():
            assert label == "le" or value in CLOSED[label], sample
    assert len(hidden) > 30
    assert not [each for each in hidden if each in text]


async def test_a_database_that_fails_is_shown_and_hides_nothing_else(tmp_path: Path) -> None:
    async with (
        open_stage(tmp_path) as stage,
        open_database(f"sqlite:///{tmp_path}/bot.db") as other,
    ):
        await stage.meet_connected("alice")
        await other.write(
            lambda connection: connection.exec_driver_sql("DROP TABLE alert_subscriptions")
        )
        samples = read(await scrape(stage))
    assert find(samples, "realtime_up") == 1
    assert not [each for each in samples if each.name == "session_bot_accounts"]


@pytest.mark.parametrize("path", ["/metrics/", "/metrics/x"])
async def test_only_the_one_address_shows_them(tmp_path: Path, path: str) -> None:
    async with (
        open_stage(tmp_path) as stage,
        aiohttp.ClientSession() as session,
        session.get(stage.bot.public_url + path) as response,
    ):
        assert response.status == 404


async def test_a_lost_link_is_counted(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await stage.simulator.realtime.drop_all()
        async with asyncio.timeout(DEADLINE_S):
            while find(samples := read(await scrape(stage)), "realtime_disconnects_total") < 1:  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(0.02)
            while not find(samples, "realtime_up"):
                samples = read(await scrape(stage))
    assert find(samples, "realtime_disconnects_total") == 1


async def test_a_worker_shows_what_it_has_counted(postgres_url: str, tmp_path: Path) -> None:
    async with (
        open_stage(tmp_path, bots=0, storage_url=postgres_url) as stage,
        open_worker(stage.settings) as worker,
    ):
        samples = read(await fetch(worker.public_url))
    assert find(samples, "rest_responses_total", route="v1/me", status="2xx") == 1


async def test_nothing_is_shown_where_that_is_turned_off(tmp_path: Path) -> None:
    async with open_stage(tmp_path, bots=0) as stage:
        web = stage.settings.web.model_copy(update={"metrics": False})
        async with stage.run_bot(web=web) as running:
            with pytest.raises(AssertionError, match="404"):
                await fetch(running.bot.public_url)


async def test_the_page_for_operators_names_them_all(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    page = (pytestconfig.rootpath / "docs" / "operating.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", page.partition("## Metrics")[2].partition("\n## ")[0]))
    async with open_stage(tmp_path) as stage:
        await live(stage)
        families = list(text_string_to_metric_families(await scrape(stage)))
    own = [each for each in families if each.name.startswith("session_bot_")]
    shown = {
        each.name.removeprefix("session_bot_") + ("_total" if each.type == "counter" else "")
        for each in own
    }
    assert shown <= named, shown - named
    rows = {name for name in named if name.endswith(("_total", "_seconds", "_up", "_info"))}
    assert rows <= shown, rows - shown
    for sample in (sample for each in own for sample in each.samples):
        row = find_row(sample.name)
        assert row, sample.name
        assert sample.labels.keys() - {"le"} == row.labels, sample
        listed = {value for label, value in sample.labels.items() if label in LISTED}
        assert listed <= row.words, sample
