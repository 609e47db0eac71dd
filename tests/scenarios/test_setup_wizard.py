"""``session-bot init``: what is asked, what is tried, what is written."""

import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.admin.setup_wizard import Prompter, SetupWizard, write_private
from bot.config import load_settings
from bot.errors import ConfigError
from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.seed import DemoPeople, seed
from tests.support.programs import run_to_its_end


@dataclass
class Operator:
    """An operator with prepared answers."""

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
        return await SetupWizard(prompter, timeout_s=5.0).run(file)

    @property
    def all_heard(self) -> str:
        return "\n".join(self.heard)


@dataclass
class Workspace:
    simulator: Simulator
    people: DemoPeople

    @property
    def right(self) -> list[str]:
        return [self.simulator.url, self.people.bot.id, self.people.bot_token]


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with Simulator() as simulator:
        yield Workspace(simulator, seed(simulator.workspace))


async def test_right_answers_make_a_configuration_that_loads(
    workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    workspace.simulator.workspace.make_channel("ops", [workspace.people.bot])
    operator = Operator([*workspace.right, "bot.example.org", "#ops"])
    assert await operator.answer(file)
    settings = load_settings(file)
    assert settings.workspace.url == workspace.simulator.url
    assert settings.workspace.auth_token.get_secret_value() == workspace.people.bot_token
    assert settings.web.public_url == "https://bot.example.org"
    assert settings.status_report.room == "#ops"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "problem" not in operator.all_heard
    assert "ok       licence     device management is available" in operator.heard
    assert operator.heard[-1] == f"Next: session-bot check --config {file}"
    assert workspace.people.bot_token not in operator.all_heard


async def test_a_wrong_answer_is_explained_and_asked_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    url, user_id, token = workspace.right
    wrong_url = [f"{url}/nothing", "n"]
    wrong_token = [user_id, "x" * 43, "n"]
    wrong_room = ["#nowhere", "n"]
    answers = [*wrong_url, url, *wrong_token, user_id, token, "", *wrong_room, ""]
    operator = Operator(answers)
    assert await operator.answer(tmp_path / "config.toml")
    assert operator.asked.count("Keep it anyway?") == 3
    for words in ("is no answer of Rocket.Chat's", "refuses the bot's token", "no room #nowhere"):
        assert words in operator.all_heard
    settings = load_settings(tmp_path / "config.toml")
    assert settings.web.public_url == "http://localhost:8080"
    assert settings.status_report.room == ""


async def test_an_operator_who_knows_better_is_believed(tmp_path: Path) -> None:
    answers = ["http://127.0.0.1:9", "y", "botbotbot", "later", "y", "http://bot.example.org", "-"]
    operator = Operator(answers)
    assert await operator.answer(tmp_path / "config.toml")
    assert "is not https, and people paste tokens there" in operator.all_heard
    assert load_settings(tmp_path / "config.toml").workspace.user_id == "botbotbot"


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
    assert await Operator(["y", *workspace.right, "", ""]).answer(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_else_is_left_behind(tmp_path: Path) -> None:
    write_private(tmp_path / "config.toml", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml cannot be written: No such file"):
        write_private(tmp_path / "none" / "config.toml", "")


async def test_the_command_asks_on_the_terminal(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    typed = "\n".join([*workspace.right, "", "", ""])
    status, output, errors = await run_to_its_end("init", "--config", str(file), typed=typed)
    assert status == 0, output + errors
    assert load_settings(file).workspace.user_id == workspace.people.bot.id
    assert workspace.people.bot_token not in output + errors
