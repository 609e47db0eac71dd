"""``session-bot init``: what is asked, what is tried, what is written."""

import socket
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.admin.setup.answers import SetupAnswers
from bot.admin.setup.config_file import write_private
from bot.admin.setup.wizard import Prompter, SetupWizard
from bot.config import load_settings
from bot.errors import ConfigError
from bot.models import AuthToken
from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.programs import run_to_its_end
from tests.support.storage_faults import find_free_port


@dataclass
class Operator:
    """An operator with prepared answers, in the order of the questions."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def ask(self, question: str, usual: str = "") -> str:
        self.asked.append(question)
        return self.answers.pop(0) or usual

    def agree(self, question: str) -> bool:
        return self.ask(question) == "y"

    async def answer(self, file: Path) -> bool:
        prompter = Prompter(self.ask, self.ask, self.agree, self.heard.append)
        is_written = await SetupWizard(prompter).run(file)
        assert not self.answers
        return is_written

    @property
    def all_heard(self) -> str:
        return "\n".join(self.heard)


@dataclass
class Workspace:
    simulator: Simulator
    people: DemoPeople
    port: str = field(default_factory=lambda: str(find_free_port()))

    @property
    def right(self) -> list[str]:
        """Answers to the questions up to the port."""
        return [self.simulator.url, self.people.bot.id, self.people.bot_token, self.port]

    def make_administrator(self) -> list[str]:
        workspace = self.simulator.workspace
        root = workspace.add_user("root", password="Wonderland7", roles=("admin",))
        return [root.id, workspace.make_personal_access_token(root, "setting up")]


def list_names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with Simulator() as simulator:
        yield Workspace(simulator, seed(simulator.workspace))


async def test_right_answers_make_a_configuration_that_loads(
    workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    workspace.simulator.workspace.make_channel("ops", [workspace.people.bot])
    address = "https://bot.example.org"
    app = workspace.simulator.workspace.oauth.make_app("Session bot", f"{address}/oauth/callback")
    answers = [*workspace.right, "bot.example.org", "data.db", app.client_id, app.client_secret]
    operator = Operator([*answers, "#ops"])
    assert await operator.answer(file)
    settings = load_settings(file)
    assert settings.workspace.url == workspace.simulator.url
    assert settings.workspace.auth_token.get_secret_value() == workspace.people.bot_token
    assert (settings.web.public_url, settings.web.port) == (address, int(workspace.port))
    assert settings.storage.url.endswith("data.db")
    assert settings.oauth.client_secret.get_secret_value() == app.client_secret
    assert settings.status_report.room == "#ops"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "problem" not in operator.all_heard
    assert "ok       licence     device management is available" in operator.heard
    assert operator.heard[-1] == f"Next: session-bot check --config {file}"
    assert not [each for each in workspace.simulator.workspace.secrets() if each in operator.heard]
    assert list_names(tmp_path) == ["config.toml"]


async def test_a_wrong_answer_is_explained_and_asked_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    url, user_id, token, port = workspace.right
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answers = ["https://", f"{url}/nothing", url]
        answers += [user_id, "x" * 43, user_id, token]
        answers += ["many", "70000", str(taken.getsockname()[1]), port]
        answers += ["ftp://bot.example.org", ""]
        answers += ["mysql://db/bot", str(tmp_path / "none" / "bot.db"), ""]
        answers += ["wrong", "x" * 43, "-"]
        answers += ["#nowhere", "-"]
        operator = Operator(answers)
        assert await operator.answer(tmp_path / "config.toml")
    for words in (
        "write it with https:// and the host",
        "is no answer of Rocket.Chat's",
        "refuses the bot's token",
        "a port is a number from 1 to 65535",
        "another program does; choose another port",
        "write it like sqlite:///session-bot.db or postgresql://",
        "the folder does not exist; make it",
        "does not know this client",
        "no room #nowhere",
    ):
        assert words in operator.all_heard
    settings = load_settings(tmp_path / "config.toml")
    assert settings.web.public_url == f"http://localhost:{port}"
    assert not settings.oauth.client_id
    assert settings.status_report.room == ""


async def test_an_answer_that_is_given_again_is_kept(tmp_path: Path) -> None:
    port = str(find_free_port())
    workspace = ["http://127.0.0.1:9"] * 2 + ["botbotbot", "later"] * 2
    operator = Operator([*workspace, port, "http://bot.example.org", "", "-", ""])
    assert await operator.answer(tmp_path / "config.toml")
    assert "Correct the answer, or give the same again to keep it." in operator.heard
    assert "is not https, and people paste tokens there" in operator.all_heard
    assert load_settings(tmp_path / "config.toml").workspace.user_id == "botbotbot"


async def test_a_workspace_without_a_licence_does_not_make_the_token_wrong(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.simulator.workspace.is_licensed = False
    operator = Operator([*workspace.right, "", "", "", ""])
    assert await operator.answer(tmp_path / "config.toml")
    assert "this workspace has no device management" in operator.all_heard


async def test_with_an_administrators_token_account_and_application_are_made(
    workspace: Workspace, tmp_path: Path
) -> None:
    file, administrator = tmp_path / "config.toml", workspace.make_administrator()
    url, _, _, port = workspace.right
    taken = [url, "-", *administrator, "alice"]
    operator = Operator([*taken, "-", *administrator, "helper", port, "", "", "y", ""])
    assert await operator.answer(file)
    assert "the user name alice or its e-mail address is taken" in operator.all_heard
    settings = load_settings(file)
    made = workspace.simulator.workspace.find_user(settings.workspace.user_id)
    assert made is not None
    assert (made.username, made.roles) == ("helper", ("user", "bot"))
    # Only the personal access token is left: the bot has signed out again.
    assert [token.name for token in made.tokens.values()] == ["session-bot"]
    (app,) = workspace.simulator.workspace.oauth.apps.all
    assert app.redirect_uris == [f"{settings.web.public_url}/oauth/callback"]
    assert settings.oauth.client_id == app.client_id
    secrets = workspace.simulator.workspace.secrets()
    assert not [secret for secret in secrets if secret in operator.all_heard]


async def test_a_file_is_not_replaced_without_asking(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("precious")
    operator = Operator(["n"])
    assert not await operator.answer(file)
    assert file.read_text() == "precious"
    assert operator.asked == [f"{file} exists. Replace it?"]


async def test_what_is_replaced_is_private_from_then_on(
    workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("old")
    file.chmod(0o644)
    assert await Operator(["y", *workspace.right, "", "", "", ""]).answer(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none/config.toml", "No such file or directory"),
        ("file/config.toml", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
async def test_nothing_is_asked_or_made_for_a_file_that_cannot_be_written(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "file").touch()
    operator = Operator([])
    with pytest.raises(ConfigError, match=f"{name} cannot be written: {why}"):
        await operator.answer(tmp_path / name)


def test_nothing_else_is_left_behind(tmp_path: Path) -> None:
    write_private(tmp_path / "config.toml", "text")
    assert list_names(tmp_path) == ["config.toml"]


def test_any_character_is_written_so_that_it_is_read_again(tmp_path: Path) -> None:
    file, url = tmp_path / "config.toml", "http://localhost:8080"
    token = AuthToken("b", SecretStr('quote " and \\'))
    answers = SetupAnswers(url, token, url, room="\N{OCTOPUS} ops")
    write_private(file, answers.format())
    assert load_settings(file).status_report.room == answers.room
    assert load_settings(file).workspace.auth_token == token.secret


async def test_the_command_asks_on_the_terminal(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    typed = "\n".join([*workspace.right, "", "", "", "", ""])
    status, output, errors = await run_to_its_end("init", "--config", str(file), typed=typed)
    assert status == 0, output + errors
    assert load_settings(file).workspace.user_id == workspace.people.bot.id
    assert workspace.people.bot_token not in output + errors
