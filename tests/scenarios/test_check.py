"""``session-bot check`` against workspaces, databases and settings that are right or wrong."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import text

from bot.admin.checks.result import CheckResult, Level
from bot.admin.checks.system import SystemCheck, check_config_file
from bot.app import open_vault
from bot.config import OAuthSettings, Settings, StatusReportSettings, StorageSettings, WebSettings
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.models import AuthToken
from bot.storage.database import open_database
from rocketchat_simulator import Outage, Simulator
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.places import write_places
from tests.support.programs import run_to_its_end, write_config
from tests.support.stage import VERSIONS, make_settings, open_stage
from tests.support.storage_faults import find_free_port

PROBLEM, WARNING, OK = Level.PROBLEM, Level.WARNING, Level.OK
NOW = datetime(2026, 11, 23, tzinfo=UTC)
_AGE = text("UPDATE alembic_version SET version_num = '0007'")


@dataclass
class World:
    """What is checked; at first everything is right."""

    simulator: Simulator
    people: DemoPeople
    folder: Path
    settings: Settings
    stack: AsyncExitStack
    port: int = field(default_factory=find_free_port)

    def set(self, section: str, **values: object) -> None:
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def check(self) -> list[CheckResult]:
        return [result async for result in SystemCheck(self.settings, timeout_s=5.0).run()]


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    options = getattr(request, "param", {})
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(**options))
        people = seed(simulator.workspace)
        settings = make_settings(simulator.url, people, tmp_path)
        made = World(simulator, people, tmp_path, settings, stack)
        made.set("web", public_url=made.url, port=made.port)
        yield made


async def test_where_all_is_well_every_line_says_so(world: World) -> None:
    found = await world.check()
    assert {each.level for each in found} == {OK}, [str(each) for each in found]
    subjects = ["reach", "version", "login", "listening", "roles", "tokens", "licence", "oauth"]
    subjects += ["rate limit", "port", "public url", "storage", "key", "capacity"]
    assert [each.subject for each in found] == subjects
    assert not list(world.folder.iterdir())


async def test_a_database_of_places_is_named_with_its_day(world: World) -> None:
    world.set("places", database=write_places(world.folder / "places.mmdb", {}))
    found = {each.subject: each for each in await world.check()}
    assert found["places"].level is OK
    assert found["places"].text.startswith("Test-City of 20")


# Each of these makes one thing wrong.


async def break_token(world: World) -> None:
    world.set("workspace", auth_token=SecretStr("x" * 43))


async def take_bot_role(world: World) -> None:
    world.people.bot.roles = ("user",)


async def take_user_role(world: World) -> None:
    world.people.bot.roles = ("bot",)


async def give_all_power(world: World) -> None:
    world.people.bot.roles = ("admin", "bot")


async def go_away(world: World) -> None:
    world.set("workspace", url=f"http://127.0.0.1:{find_free_port()}")


async def answer_with_pages(world: World) -> None:
    world.simulator.faults.fail_next("/api/info", status=200, body="<html>", times=9)


async def take_wrong_path(world: World) -> None:
    world.set("workspace", url=f"{world.simulator.url}/chat")


async def swallow_websockets(world: World) -> None:
    world.simulator.faults.fail_next("/websocket", status=502, times=9)


async def leave_unlicensed(world: World) -> None:
    world.simulator.workspace.is_licensed = False


async def mistype_oauth(world: World) -> None:
    await register(world, f"{world.url}/oauth/callback")
    world.set("oauth", client_secret=SecretStr("x" * 43))


async def send_people_elsewhere(world: World) -> None:
    await register(world, "https://old.example.org/oauth/callback")


async def register(world: World, address: str) -> None:
    app = world.simulator.workspace.oauth.make_app("Session bot", address)
    own = OAuthSettings(client_id=app.client_id, client_secret=SecretStr(app.client_secret))
    world.settings = world.settings.model_copy(update={"oauth": own})


async def report_to_no_room(world: World) -> None:
    world.settings = world.settings.model_copy(
        update={"status_report": StatusReportSettings(room="#nowhere")}
    )


async def stay_outside(world: World) -> None:
    world.simulator.workspace.make_channel("ops", [world.people.alice])
    world.settings = world.settings.model_copy(
        update={"status_report": StatusReportSettings(room="#ops")}
    )


async def run_other_program(world: World) -> int:
    """Return the port of a web server that is no bot."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    world.stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port


async def lead_elsewhere(world: World) -> None:
    world.set("web", public_url=f"http://127.0.0.1:{await run_other_program(world)}")


async def take_port(world: World) -> None:
    world.set("web", port=await run_other_program(world))


async def listen_on_no_address(world: World) -> None:
    world.set("web", host="192.0.2.1")


async def ask_for_plain_http(world: World) -> None:
    world.set("web", public_url=world.url.replace("http:", "https:"))


async def know_no_host(world: World) -> None:
    world.set("workspace", url="http://chat.invalid")


async def speak_no_tls(world: World) -> None:
    world.set("workspace", url=world.simulator.url.replace("http:", "https:"))


async def break_connections(world: World) -> None:
    outage = world.simulator.outage(Outage.RESET)
    await world.stack.enter_async_context(outage)


async def lead_nowhere(world: World) -> None:
    world.set("web", public_url=f"http://127.0.0.1:{find_free_port()}")


async def forgo_https(world: World) -> None:
    world.set("web", public_url="http://bot.invalid")


async def forbid_writing(world: World) -> None:
    async with open_database(world.settings.storage.url):
        pass
    url = f"sqlite:///file:{world.folder}/bot.db?mode=ro&uri=true"
    world.settings = world.settings.model_copy(update={"storage": StorageSettings(url=url)})


async def miss_postgresql(world: World) -> None:
    own = StorageSettings(url=f"postgresql://bot@127.0.0.1:{find_free_port()}/bot")
    world.settings = world.settings.model_copy(update={"storage": own})


async def lose_folder(world: World) -> None:
    url = f"sqlite:///{world.folder}/none/bot.db"
    world.settings = world.settings.model_copy(update={"storage": StorageSettings(url=url)})


async def lose_key(world: World) -> None:
    async with open_database(world.settings.storage.url) as database:
        account = ConnectedAccount("a", "alice", "personal_access_token", NOW)
        accounts = Accounts(database, await open_vault(database, world.settings))
        await accounts.save(account, AuthToken("a", SecretStr("t")))
    (world.folder / "bot.key").unlink()


async def change_key(world: World) -> None:
    await lose_key(world)
    other = world.folder / "other.db"
    async with open_database(f"sqlite:///{other}") as database:
        own = {"storage": StorageSettings(url=f"sqlite:///{other}")}
        await open_vault(database, world.settings.model_copy(update=own))
    (world.folder / "other.key").rename(world.folder / "bot.key")


async def miss_places(world: World) -> None:
    world.set("places", database=world.folder / "none.mmdb")


async def damage_places(world: World) -> None:
    file = world.folder / "damaged.mmdb"
    file.write_bytes(b"no database")
    world.set("places", database=file)


async def read_anonymously(world: World) -> None:
    world.simulator.workspace.allows_anonymous_reading = True


Arrange = Callable[[World], Awaitable[None]]
OLD = {"version": "7.7"}
WRONG: list[tuple[Arrange, Level, str, str]] = [
    (break_token, PROBLEM, "login", "Sign in to Rocket.Chat as the bot, make a personal"),
    (take_bot_role, WARNING, "roles", "count for the rate limit, too. Give the account the roles"),
    (take_user_role, WARNING, "roles", "without the role user"),
    (give_all_power, WARNING, "roles", "much more than the bot needs"),
    (go_away, PROBLEM, "reach", "cannot be reached"),
    (
        answer_with_pages,
        PROBLEM,
        "reach",
        "no answer of Rocket.Chat's; is workspace.url right? Is [workspace]",
    ),
    (take_wrong_path, PROBLEM, "reach", "is no answer of Rocket.Chat's; is workspace.url right?"),
    (swallow_websockets, PROBLEM, "listening", "HTTP 502 instead of a websocket. A reverse proxy"),
    (leave_unlicensed, PROBLEM, "licence", "has no device management. It comes with a paid plan"),
    (mistype_oauth, PROBLEM, "oauth", "client_secret right, and is the application active?"),
    (send_people_elsewhere, PROBLEM, "oauth", "redirects to https://old.example.org/oauth"),
    (report_to_no_room, PROBLEM, "report", "the bot can see no room #nowhere"),
    (miss_postgresql, PROBLEM, "storage", "no server answers; start it, or correct the host and"),
    (
        stay_outside,
        PROBLEM,
        "report",
        "the bot is not a member of #ops. Invite it: /invite, in #ops",
    ),
    (lead_elsewhere, PROBLEM, "public url", "something else answers (HTTP 404). Correct [web]"),
    (take_port, PROBLEM, "port", "cannot listen on 127.0.0.1:"),
    (listen_on_no_address, PROBLEM, "port", "cannot listen on 192.0.2.1:"),
    (ask_for_plain_http, WARNING, "public url", "is https right, and the port?"),
    (know_no_host, PROBLEM, "reach", "cannot be reached: the host name is not known. Is"),
    (speak_no_tls, PROBLEM, "reach", "no encrypted connection can be made; is https right"),
    (break_connections, PROBLEM, "reach", "cannot be reached: the connection broke. Is"),
    (lead_nowhere, WARNING, "public url", "from this machine: connection refused. If browsers"),
    (forgo_https, WARNING, "public url", "is not https, and people paste tokens there"),
    (forbid_writing, PROBLEM, "storage", "read-only; give the bot's user the right to write"),
    (lose_folder, PROBLEM, "storage", "the folder does not exist; make it"),
    (lose_key, PROBLEM, "key", "bot.key is missing; restore it"),
    (change_key, PROBLEM, "key", "tokens are sealed with a key that is missing"),
    (miss_places, WARNING, "places", "none.mmdb cannot be read: No such file or directory. Until"),
    (damage_places, WARNING, "places", "damaged.mmdb is no MaxMind DB file. Until then addresses"),
]


@pytest.mark.parametrize(("arrange", "level", "subject", "words"), WRONG)
async def test_what_is_wrong_is_named_with_what_to_do(
    world: World, arrange: Arrange, level: Level, subject: str, words: str
) -> None:
    await arrange(world)
    found = await world.check()
    worst = [each for each in found if each.subject == subject and each.level is level]
    assert any(words in str(each) for each in worst), [str(each) for each in found]
    others = [each for each in found if each.subject != subject]
    assert {each.level for each in others} == {OK}, [str(each) for each in others]
    assert_no_secret(world, found)
    assert_plain_words(found)


def assert_plain_words(found: list[CheckResult]) -> None:
    names = re.compile(r"\b[A-Z][a-z]+[A-Z]\w*|\w*(Error|Exception)\b|Errno|Traceback|0x|<class")
    shown = [re.sub(r"Rocket\.Chat|MaxMind|/tmp/\S+", "", str(each)) for each in found]
    assert not [line for line in shown if names.search(line)]


def assert_no_secret(world: World, found: list[CheckResult]) -> None:
    text = "\n".join(map(str, found))
    own = world.settings
    secrets = world.simulator.workspace.secrets()
    secrets |= {
        each.get_secret_value() for each in (own.workspace.auth_token, own.oauth.client_secret)
    }
    assert not [secret for secret in secrets - {""} if secret in text]


@pytest.mark.parametrize("world", [OLD], indirect=True)
async def test_a_workspace_that_believes_made_up_tokens_is_named(world: World) -> None:
    await read_anonymously(world)
    [result] = [each for each in await world.check() if each.subject == "tokens"]
    assert "Anonymous Read" in str(result)


@pytest.mark.parametrize("world", [OLD], indirect=True)
async def test_a_version_that_ignores_oauth_is_named(world: World) -> None:
    await register(world, f"{world.url}/oauth/callback")
    [found] = [each for each in await world.check() if each.subject == "version"]
    assert found.level is WARNING
    assert "as 7.5 to 7.13 do" in found.text


async def test_what_is_right_with_oauth_and_a_report_is_said(world: World) -> None:
    await register(world, f"{world.url}/oauth/callback")
    world.simulator.workspace.make_channel("ops", [world.people.bot])
    world.settings = world.settings.model_copy(
        update={"status_report": StatusReportSettings(room="ops")}
    )
    found = [str(each) for each in await world.check()]
    assert "ok       oauth       the workspace knows the application" in found
    assert "ok       report      goes to ops" in found


async def test_without_the_bot_role_the_limit_is_seen(world: World) -> None:
    await take_bot_role(world)
    [limit] = [each for each in await world.check() if each.subject == "rate limit"]
    assert limit.text == "10 calls a minute and route, including the bot's own"


async def test_a_running_bot_is_recognised_and_goes_on(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!sessions")
        await alice.ask("!alerts on")
        settings = make_settings(stage.simulator.url, stage.people, tmp_path)
        port = int(stage.bot.public_url.rpartition(":")[2])
        own = WebSettings(public_url=stage.bot.public_url, port=port)
        settings = settings.model_copy(update={"web": own})
        found = [str(each) async for each in SystemCheck(settings).run()]
        assert not [each for each in found if not each.startswith("ok")]
        assert (
            f"ok       public url  {stage.bot.public_url} leads here; a bot is running there"
            in found
        )
        assert "1000 calls a minute and route, says the running bot" in "\n".join(found)
        assert "alerts check every 5 minutes each of those who want them (1)" in "\n".join(found)
        assert (await alice.ask("!whoami")).startswith("You are alice")


@pytest.mark.parametrize(
    "world", [{"version": each, "is_licensed": False} for each in VERSIONS], indirect=True
)
async def test_a_missing_licence_is_named_on_each_version(world: World) -> None:
    found = {each.subject: each for each in await world.check()}
    assert found["licence"].level is PROBLEM
    assert "has no device management" in found["licence"].text


async def test_the_command_prints_lines_and_its_status_tells(world: World) -> None:
    config = write_config(world.folder / "config.toml", world.settings)
    config.chmod(0o600)
    status, output, _ = await run_to_its_end("check", "--config", str(config))
    assert status == 0, output
    assert "ok       login       signed in as sessions" in output
    await leave_unlicensed(world)
    status, output, errors = await run_to_its_end("check", "--config", str(config))
    assert status == 1
    assert "problem  licence     this workspace has no device management" in output
    assert world.people.bot_token not in output + errors


async def test_for_programs_there_is_json_with_the_same_status(world: World) -> None:
    config = write_config(world.folder / "config.toml", world.settings)
    config.chmod(0o600)
    await leave_unlicensed(world)
    status, output, errors = await run_to_its_end("check", "--json", "--config", str(config))
    document = json.loads(output)
    assert (status, document["status"]) == (1, "problem"), errors
    login = {"level": "ok", "subject": "login", "text": "signed in as sessions", "remedy": ""}
    assert login in document["results"]
    (problem,) = [each for each in document["results"] if each["level"] == "problem"]
    assert problem["subject"] == "licence"
    assert problem["remedy"]
    assert world.people.bot_token not in output + errors


def test_the_page_for_operators_names_every_subject(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    sources = [each.read_text() for each in (root / "bot" / "admin" / "checks").glob("*.py")]
    made = re.compile(r'make_(?:ok|warning|problem)\(\s*"([a-z ]+)"')
    subjects = {subject for source in sources for subject in made.findall(source)}
    page = (root / "docs" / "operating.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    named = {word.strip() for row in rows for word in row.split(",")}
    assert len(subjects) > 15
    assert subjects <= named, subjects - named


async def test_settings_that_cannot_be_read_are_a_problem_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[workspace]\nurl = 'https://x.example'\nuser_id = 'u'\nauth_token = ''\n")
    [result] = [each async for each in check_config_file(config)]
    assert "auth_token" in result.text


async def test_a_database_on_a_server_is_tried_and_left_as_it_was(
    world: World, postgres_url: str
) -> None:
    own = StorageSettings(url=postgres_url)
    world.settings = world.settings.model_copy(update={"storage": own})
    found = {each.subject: each for each in await world.check()}
    assert found["storage"].text == "empty; the tables are made at the first start"
    assert "a key to seal tokens with is missing" in found["key"].text
    async with open_database(postgres_url) as database:
        count = text("SELECT count(*) FROM pg_tables WHERE tablename = 'session_bot_check'")
        assert await database.write(lambda connection: connection.execute(count).scalar_one()) == 0
    found = {each.subject: each for each in await world.check()}
    assert found["storage"].text == "can be read and written"


async def test_an_older_programs_database_is_not_updated(world: World) -> None:
    async with open_database(world.settings.storage.url) as database:
        await database.write(lambda connection: connection.execute(_AGE))
    found = {each.subject: each for each in await world.check()}
    assert "an older program's" in found["storage"].text
    assert found["key"].level is OK
