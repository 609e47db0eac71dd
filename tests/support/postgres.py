"""A PostgreSQL server of the tests' own, thrown away afterwards, and fresh databases in it.

``TEST_POSTGRES_URL`` names another server to use, with a role that may create databases.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support.deadlines import DEADLINE_S
from tests.support.needs import give_up
from tests.support.new_databases import make_file, make_tables

PASSWORD = "throw-away"
FOLDER = Path("/usr/lib/postgresql")  # Debian's, which are not on the PATH
_MISSING = f"PostgreSQL's initdb is neither on the PATH nor below {FOLDER}"
SETTINGS = (
    "listen_addresses=",
    "max_connections=60",
    "fsync=off",  # what was committed survives a crash of the server, only not of the machine
    "full_page_writes=off",
)


class Identity(TypedDict, total=False):
    """Whom a program runs as, in subprocess's words; empty for the same as the tests."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass
class PostgresServer:
    """A server that listens on a socket in its folder only."""

    binaries: Path
    folder: Path
    identity: Identity
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        host = quote(str(self.folder), safe="")
        return f"postgresql://tester:{PASSWORD}@/postgres?host={host}"

    def prepare(self) -> None:
        """Make the cluster of databases."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # in a folder that only its owner may enter
        settings = "--encoding=UTF8 --locale=C --auth=scram-sha-256 --username=tester --no-sync"
        made = subprocess.run(  # noqa: S603 - the system's own program
            [*self._make_command("initdb"), *settings.split(), f"--pwfile={secret}"],
            **self.identity,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None:
            return
        options = [f"--{setting}" for setting in SETTINGS]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the system's own program
                [*bind_to_parent(), *self._make_command("postgres"), "-k", self.folder, *options],
                **self.identity,
                cwd="/",
                stdout=log,
                stderr=log,
            )
        wait_until_ready(self.url, self.folder / "log")

    def _make_command(self, program: str) -> list[str | Path]:
        return [self.binaries / program, "-D", self.folder / "data"]

    @contextmanager
    def hang(self) -> Iterator[None]:
        """Let all its processes stand still: it takes connections and answers nothing."""
        assert self._process is not None
        pids = [self._process.pid, *_find_children(self._process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends all connections first, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(DEADLINE_S)
            self._process = None


def _find_children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def bind_to_parent() -> list[str]:
    """Return what makes a server end with the tests, however these end; on Linux only."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "QUIT", "--"] if setpriv else []


def wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from error
            time.sleep(0.02)
        else:
            return


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres: the PATH's, or else Debian's newest."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = [path.parent for path in FOLDER.glob("*/bin/initdb")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


def choose_identity() -> Identity:
    """Return an unprivileged user where the tests run as root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    with suppress(KeyError):
        user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def open_server() -> Iterator[PostgresServer]:
    """Run a server; where PostgreSQL is not installed, return the test up."""
    binaries = find_binaries() or give_up(_MISSING)
    identity = choose_identity()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        if identity:
            os.chown(folder, identity["user"], identity["group"])
        server = PostgresServer(binaries, folder, identity)
        server.prepare()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def open_empty_database(
    server_url: str, template: str = "template1", options: str = ""
) -> Iterator[str]:
    """Make a database of its own for a test, a copy of ``template``, and drop it afterwards."""
    name = f"test_{uuid4().hex}"
    run_alone(server_url, f"CREATE DATABASE {name} TEMPLATE {template} {options}")
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    run_alone(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def run_alone(url: str, statement: str) -> None:
    """Run it on a connection of its own, outside any transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The address of a server that all tests share: not to be stopped."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with open_server() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    with open_empty_database(postgres_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server_url: str) -> Iterator[str]:
    """The name of a database with the bot's tables, to copy."""
    with open_empty_database(postgres_server_url) as url:
        make_tables(url)
        yield str(make_url(url).database)


@pytest.fixture
def new_postgres_url(postgres_server_url: str, postgres_template: str) -> Iterator[str]:
    """The address of a PostgreSQL database with the bot's tables and no rows."""
    with open_empty_database(postgres_server_url, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables, once of each kind that the bot knows."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bot.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with the bot's tables, once of each kind that the bot knows."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("new_postgres_url")
        return url
    url = f"sqlite:///{tmp_path}/bot.db"
    make_file(url)
    return url
