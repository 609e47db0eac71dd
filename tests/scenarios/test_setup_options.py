"""``session-bot init`` with options: it asks nothing, and changes nothing for a mistake."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.cli.init_by_options import init_by_options
from bot.cli.init_options import InitOptions
from bot.config import load_settings
from bot.errors import ConfigError
from rocketchat_simulator import Simulator, User
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.programs import run_to_its_end
from tests.support.stage import VERSIONS
from tests.support.storage_faults import find_free_port

ADMIN_PASSWORD = "Wonderland7"


@dataclass
class World:
    """A workspace with an administrator; every secret is in a file."""

    simulator: Simulator
    people: DemoPeople
    admin: User
    folder: Path

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(f"{text}\n")
        return file

    @property
    def with_token(self) -> InitOptions:
        return InitOptions(
            config=self.config,
            workspace=self.simulator.url,
            user_id=self.people.bot.id,
            token_file=self.write("token", self.people.bot_token),
            port=find_free_port(),
        )

    @property
    def as_administrator(self) -> InitOptions:
        token = self.simulator.workspace.make_login_token(self.admin)
        return InitOptions(
            config=self.config,
            workspace=self.simulator.url,
            admin_id=self.admin.id,
            admin_token_file=self.write("admin", token),
            username="helper",
            port=find_free_port(),
        )

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    async def init(self, options: InitOptions) -> tuple[bool, str]:
        """Return whether a configuration was written, and what was printed."""
        printed: list[str] = []
        is_written = await init_by_options(options, printed.append)
        text = "\n".join(printed)
        secrets = self.simulator.workspace.secrets()
        assert not [secret for secret in secrets if secret in text]
        assert is_written is self.config.exists()
        return is_written, text


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with Simulator(version=getattr(request, "param", "8.3")) as simulator:
        people = seed(simulator.workspace)
        admin = simulator.workspace.add_user("root", password=ADMIN_PASSWORD, roles=("admin",))
        yield World(simulator, people, admin, tmp_path)


async def test_the_options_become_the_configuration(world: World) -> None:
    address = "https://bot.example.org"
    oauth = world.simulator.workspace.oauth
    app = oauth.make_app("Session bot", f"{address}/oauth/callback")
    world.simulator.workspace.make_channel("ops", [world.people.bot])
    options = replace(
        world.with_token,
        public_url=address,
        storage=f"sqlite:///{world.folder}/data.db",
        room="#ops",
        oauth_id=app.client_id,
        oauth_secret_file=world.write("secret", app.client_secret),
    )
    is_written, printed = await world.init(options)
    assert is_written, printed
    settings = load_settings(world.config)
    assert settings.workspace.auth_token.get_secret_value() == world.people.bot_token
    assert (settings.web.public_url, settings.web.port) == (address, options.port)
    assert settings.storage.url == options.storage
    assert settings.oauth.client_id == app.client_id
    assert settings.status_report.room == "#ops"
    assert not (world.folder / "data.db").exists()


@pytest.mark.parametrize("world", VERSIONS, indirect=True)
async def test_an_administrators_token_makes_account_token_and_application(world: World) -> None:
    world.simulator.workspace.has_second_factor = True
    code = world.write("code", ADMIN_PASSWORD)
    is_written, printed = await world.init(replace(world.as_administrator, admin_code_file=code))
    assert is_written, printed
    settings = load_settings(world.config)
    bot = world.simulator.workspace.find_user(settings.workspace.user_id)
    assert bot is not None
    assert (bot.username, bot.roles) == ("helper", ("user", "bot"))
    assert [token.name for token in bot.tokens.values()] == ["session-bot"]
    (app,) = world.simulator.workspace.oauth.apps.all
    assert app.redirect_uri == f"http://localhost:{settings.web.port}/oauth/callback"
    assert settings.oauth.client_secret.get_secret_value() == app.client_secret


async def test_where_the_workspace_refuses_it_says_what_to_do_by_hand(world: World) -> None:
    workspace, options = world.simulator.workspace, world.as_administrator
    with pytest.raises(ConfigError, match=r"alice or its .* taken\. Choose another .* sign in"):
        await world.init(replace(options, username="alice"))
    refused: list[tuple[InitOptions, str]] = [
        (replace(options, admin_id=world.people.bob.id), "refuses the administrator's token"),
    ]
    bob = world.write("bob", workspace.make_login_token(world.people.bob))
    as_bob = replace(options, admin_id=world.people.bob.id, admin_token_file=bob)
    refused.append((as_bob, "use an administrator's"))
    for each, words in refused:
        with pytest.raises(ConfigError, match=words) as caught:
            await world.init(each)
        assert "By hand: Administration, Users, New, with the roles user and bot" in str(
            caught.value
        )
        assert not world.config.exists()
    fail_next = world.simulator.faults.fail_next
    fail_next("users.generatePersonalAccessToken", status=400, **_refuse("Not Authorized"))
    with pytest.raises(
        ConfigError, match=r"helper was made, and its token was not: .*Not Auth.* By"
    ):
        await world.init(options)
    fail_next("oauth-apps.create", status=403, **_refuse("no [error-unauthorized]"))
    is_written, printed = await world.init(replace(options, username="helper2"))
    assert is_written
    assert "warning  oauth" in printed
    assert "Third-party login, New application, with this redirect URI: http://" in printed


def _refuse(text: str) -> dict[str, Any]:
    return {
        "body": f'{{"success":false,"error":"{text}"}}',
        "content_type": "application/json",
    }


@pytest.mark.parametrize("world", ["8.8"], indirect=True)
async def test_a_wanted_second_factor_is_named(world: World) -> None:
    world.simulator.workspace.has_second_factor = True
    wrong = replace(world.as_administrator, admin_code_file=world.write("code", "wrong"))
    for options in (world.as_administrator, wrong):
        with pytest.raises(ConfigError, match=r"administrator's \(password\).*--admin-code-file"):
            await world.init(options)


async def test_nothing_is_written_or_made_for_a_mistake(world: World) -> None:
    users = len(world.simulator.workspace.users)
    right, missing = world.as_administrator, world.folder / "none"
    for options, words in (
        (replace(right, workspace="http://127.0.0.1:9"), "cannot be reached"),
        (replace(right, port=int(world.simulator.url.rpartition(":")[2])), "another program does"),
        (replace(right, storage=f"sqlite:///{missing}/bot.db"), "the folder does not exist"),
        (replace(world.with_token, user_id="nobody"), "refuses the bot's token"),
        (replace(world.with_token, room="#nowhere"), "no room #nowhere"),
    ):
        is_written, printed = await world.init(options)
        assert not is_written, printed
        assert words in printed
    for options, words in (
        (InitOptions(world.config, room="#ops"), "--workspace is missing; give either --user-id"),
        (replace(right, user_id="u", token_file=missing), "give either"),
        (replace(right, oauth_id="x"), "--oauth-secret-file go together"),
        (replace(right, public_url="x y"), "--public-url: write it without"),
        (replace(world.with_token, token_file=missing), "none cannot be read: No such file"),
        (replace(right, admin_token_file=Path("-"), admin_code_file=Path("-")), "only one secret"),
    ):
        with pytest.raises(ConfigError, match=words):
            await world.init(options)
    assert len(world.simulator.workspace.users) == users


async def test_a_file_that_is_there_stays_as_it_is(world: World) -> None:
    world.config.write_text("precious")
    with pytest.raises(ConfigError, match="exists, and was not changed; --replace"):
        await init_by_options(world.with_token, print)
    assert world.config.read_text() == "precious"
    is_written, _ = await world.init(replace(world.with_token, replace=True))
    assert is_written
    assert load_settings(world.config).workspace.user_id == world.people.bot.id


async def test_the_command_takes_a_secret_from_standard_input(world: World) -> None:
    given = {
        "--config": str(world.config),
        "--workspace": world.simulator.url,
        "--user-id": world.people.bot.id,
        "--token-file": "-",
        "--port": str(find_free_port()),
    }
    arguments = [word for option in given.items() for word in option]
    typed = f"{world.people.bot_token}\n"
    status, output, errors = await run_to_its_end("init", *arguments, typed=typed)
    assert status == 0, output + errors
    assert load_settings(world.config).workspace.auth_token.get_secret_value() == typed.strip()
    assert world.people.bot_token not in output + errors
