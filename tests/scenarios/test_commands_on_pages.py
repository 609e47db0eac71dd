"""Every command that the pages for operators show is run, in the order of the pages."""

import asyncio
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest
import typer
from typer.core import TyperGroup

from bot.cli.program import program
from rocketchat_simulator import Simulator, open_person
from tests.support.console_blocks import ROOT, read_commands, read_inline_commands
from tests.support.people import Conversation
from tests.support.programs import start_program
from tests.support.shell import Shell
from tests.support.storage_faults import find_free_port

PAGES = ("docs/first-steps.md", "README.md", "docs/operating.md", "docs/upgrading.md")
# What cannot be run here, and why.
NOT_RUN = {
    "podman exec -it session-bot session-bot accounts list": "no image can be built",
    "podman run --rm -it -v session-bot:/var/lib/session-bot session-bot accounts list": (
        "no image can be built"
    ),
    "install packaging/session-bot-admin /usr/local/sbin/": "changes the system",
    "systemctl stop session-bot": "needs systemd",
    "session-bot-admin accounts list": "needs systemd",
    "session-bot-admin check": "needs systemd",
}
T = TypeVar("T")


class Background:
    """An event loop in a thread: what runs in it is there while commands run in this one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self._thread = Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def open(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Keep it open until the end."""
        return self.run(self.stack.enter_async_context(resource))

    def close(self) -> None:
        self.run(self.stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Scene:
    """What the commands work on: folders of an operator, and workspaces."""

    shell: Shell
    background: Background
    folder: Path
    enter: Callable[[Path], None]
    texts: dict[str, str] = field(default_factory=dict)
    """What examples on the pages stand for."""
    files: dict[str, str] = field(default_factory=dict)
    """What an operator has in files beside the configuration."""
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Where the bot of the first steps is."""
        return self.folder / "home"

    def put_in(self, command: str) -> str:
        """Replace what a page has as an example by what is there."""
        for example, text in self.texts.items():
            command = command.replace(example, text)
        return command

    def run(self, command: str) -> None:
        """Run a command in the folder that it needs; it must end with status 0."""
        words = shlex.split(command)
        if words[0] == "make":
            # Whether there is such a target: most take minutes, and one runs this test.
            run_program("make", "--dry-run", *words[1:], cwd=ROOT)
        elif words[0].endswith("session-bot"):
            self._run_own(words[1:])
        else:
            run_program("bash", "-c", self.put_in(command), cwd=self.home)

    def _run_own(self, words: list[str]) -> None:
        services = {"simulate": self._simulate, "run": self._serve, "init": self._init}
        if service := services.get(words[0]):
            service(words)
        else:
            self._run_to_its_end(words)

    def _run_to_its_end(self, words: list[str], typed: str = "") -> str:
        put_in = [self.put_in(word) for word in words]
        result = self.shell(*put_in, typed=typed)
        assert result.exit_code == 0, (words, result.output)
        return result.output

    def _simulate(self, words: list[str]) -> None:
        """Start the simulated workspace, and learn what it prints."""
        program = self.background.open(start_program(*words, "--port", "0"))
        printed = self.background.run(program.wait_for_output("alice_password"))
        found = tomllib.loads(printed)
        self.passwords = found["people"]
        workspace = found["workspace"]
        self.texts |= {
            "http://127.0.0.1:3000": workspace["url"],
            "USER_ID": workspace["user_id"],
            "AUTH_TOKEN": workspace["auth_token"],
        }

    def _serve(self, words: list[str]) -> None:
        """Run the bot until the first person is connected and has an answer."""
        self.background.run(self._talk(words))

    async def _talk(self, words: list[str]) -> None:
        async with start_program(*words) as bot:
            await bot.wait_until_listening()
            url, password = self.texts["http://127.0.0.1:3000"], self.passwords["alice_password"]
            async with open_person(url, "alice", password) as alice:
                room_id = await alice.open_direct_room("sessions")
                conversation = Conversation(alice, room_id)
                assert (await conversation.connect()).startswith("You are connected.")
                assert "signed in as you" in await conversation.ask("!sessions")
            assert await bot.stop() == 0

    def _init(self, words: list[str]) -> None:
        """Write a configuration: the first one at home, others in folders of their own."""
        typed = ""
        if (self.home / "config.toml").exists():
            self.enter(self._make_folder())
        if words == ["init"]:
            names = ("http://127.0.0.1:3000", "USER_ID", "AUTH_TOKEN")
            answers = [*(self.texts[name] for name in names), str(find_free_port())]
            # The public URL, the database, OAuth and the room: what is proposed.
            typed = "\n".join([*answers, "", "", "", ""]) + "\n"
        elif "--port" in words:
            words[words.index("--port") + 1] = str(find_free_port())
        else:
            words = [*words, "--port", str(find_free_port())]
        self._run_to_its_end(words, typed)
        self.enter(self.home)

    def _make_folder(self) -> Path:
        folder = self.folder / f"other-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder


def run_program(*command: str, cwd: Path) -> None:
    found = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own pages
    assert found.returncode == 0, (command, found.stdout + found.stderr)


async def open_workspace(stack: AsyncExitStack, scene: Scene) -> None:
    """Open the workspace of docs/operating.md, in which an administrator has made an account."""
    simulator = await stack.enter_async_context(Simulator())
    workspace = simulator.workspace
    bot = workspace.add_user("helper", roles=("user", "bot"))
    administrator = workspace.add_user("root", roles=("admin",))
    workspace.make_channel("ops", [bot])
    url = "https://session-bot.example.org"
    app = workspace.oauth.make_app("Session bot", f"{url}/oauth/callback")
    scene.texts |= {
        "https://chat.example.org": simulator.url,
        "rbAXPnMktTFbNpwtJ": bot.id,
        "WXm8H9X4iw5yzxhzA": app.client_id,
        "6b047f2ed780241e161857fd": administrator.id,
    }
    scene.files = {
        "token": workspace.make_personal_access_token(bot, "bot"),
        "secret": app.client_secret,
        "admin-token": workspace.make_personal_access_token(administrator, "setting up"),
    }


@contextmanager
def open_scene(shell: Shell, folder: Path, enter: Callable[[Path], None]) -> Iterator[Scene]:
    scene = Scene(shell, background := Background(), folder, enter)
    scene.home.mkdir()
    enter(scene.home)
    try:
        background.run(open_workspace(background.stack, scene))
        yield scene
    finally:
        background.close()


def test_every_command_on_the_pages_runs(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    commands = list(dict.fromkeys(line for page in PAGES for line in read_commands(page)))
    with open_scene(shell, tmp_path, monkeypatch.chdir) as scene:
        scene.texts |= {
            "postgresql://session_bot@db.example.org/session_bot": postgres_url,
            "/var/backups": str(tmp_path),
        }
        for command in commands:
            if command not in NOT_RUN:
                scene.run(command)
    assert len(commands) > 20
    assert not [command for command in NOT_RUN if command not in commands]


def find_fault(words: list[str]) -> str:
    """Return what the program does not know in a command; capitals stand for something."""
    command: Any = typer.main.get_command(program)
    for word in words[1:]:
        if word.startswith("-"):
            known = {option for each in command.params for option in each.opts}
            if word.partition("=")[0] not in known | {"--help"}:
                return f"{' '.join(words)}: no option {word}"
        elif isinstance(command, TyperGroup):
            if word not in command.commands:
                return f"{' '.join(words)}: no command {word}"
            command = command.commands[word]
    return ""


def test_commands_within_sentences_exist() -> None:
    targets = set(re.findall(r"^([a-z.]\S*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    faults, count = [], 0
    pages = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")}
    # The changelog names what was there once, too.
    for page in sorted(pages - {ROOT / "CHANGELOG.md"}):
        for words in read_inline_commands(page):
            count += 1
            if words[0] == "make":
                if words[1] not in targets:
                    faults.append(f"{page.name}: no target {words[1]}")
            elif fault := find_fault(words):
                faults.append(f"{page.name}: {fault}")
    assert not faults, "\n".join(faults)
    assert count > 40
