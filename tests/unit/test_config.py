from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bot.config import Settings, describe_sources, load_settings
from bot.errors import ConfigError

GOOD = """
[workspace]
url = "https://chat.example.org/"
user_id = "botbotbot"
auth_token = "tell-nobody"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_the_example_loads_and_names_every_setting(pytestconfig: pytest.Config) -> None:
    example = pytestconfig.rootpath / "config.example.toml"
    load_settings(example)
    text = example.read_text()
    for section, field in Settings.model_fields.items():
        assert f"[{section}]" in text
        for name in getattr(field.annotation, "model_fields", {}):
            assert f"\n{name} = " in text or f"\n# {name} = " in text, f"[{section}] {name}"


def test_a_file_with_the_essentials_is_enough(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.workspace.url == "https://chat.example.org"
    assert settings.bot.prefix == "!"
    assert "tell-nobody" not in repr(settings)


def test_the_environment_wins_over_secrets_and_secrets_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "workspace__auth_token").write_text("from-secrets\n")
    (folder / "workspace__user_id").write_text("from-secrets")
    monkeypatch.setenv("SESSION_BOT_WORKSPACE__AUTH_TOKEN", "from-environment")
    workspace = load_settings(write(tmp_path, GOOD), secrets=folder).workspace
    assert workspace.auth_token.get_secret_value() == "from-environment"
    assert workspace.user_id == "from-secrets"


def test_keys_from_the_environment_are_separated_by_blanks_or_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BOT_VAULT__KEYS", "first, second third")
    keys = load_settings(write(tmp_path, GOOD)).vault.keys
    assert [key.get_secret_value() for key in keys] == ["first", "second", "third"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD + "[bot]\nprefx = '?'", r"unknown setting \[bot\] prefx; did you mean prefix\?"),
        (GOOD + "[webb]\nport = 1", r"unknown setting webb; did you mean web\?"),
        (GOOD + "[web]\nport = 99999", r"\[web\] port: .*65535"),
        (GOOD + "[bot]\nprefix = 'a b'", r"\[bot\] prefix"),
        # Rocket.Chat keeps what begins so for itself (RocketChat/hubot-rocketchat#158).
        (GOOD + "[bot]\nprefix = '/'", r"\[bot\] prefix"),
        (
            GOOD + "[status_report]\nschedule = 'dialy 9'",
            r"\[status_report\] schedule: .* Did you mean daily 09:00",
        ),
        (
            GOOD + "[status_report]\ntimezone = 'Lisbon'",
            r"\[status_report\] timezone: write it as in Europe/Lis",
        ),
        (GOOD.replace("https", "ftp"), r"\[workspace\] url: write it with https"),
        (GOOD.replace("//", "//gate:tell-nobody@"), r"\[workspace\] url: .* user name or password"),
        (GOOD + "[web]\npublic_url = 'https://me@x.example'", r"\[web\] public_url: .* user name"),
        (
            GOOD + "[web]\npublic_url = 'https://x.example/?a=b'",
            r"\[web\] public_url: .* without \?",
        ),
        (GOOD + "[web]\npublic_url = 'https://x.example/a b'", r"\[web\] public_url: .* blanks"),
        (GOOD + "[web]\npublic_url = 'https://x.example:http'", r"\[web\] public_url: its port"),
        (GOOD + "[web]\npublic_url = 'https://x.example:99999'", r"\[web\] public_url: its port"),
        (
            GOOD + "ca_file = '/no/such.pem'",
            r"\[workspace\] ca_file: /no/such.pem has no PEM .* No such",
        ),
        (GOOD + "ca_file = 'none.pem'", r"\[workspace\] ca_file: /.*/none.pem has no PEM"),
        (GOOD + "[storage]\nurl = 'me:tell-nobody@db'", r"\[storage\] url: write it like sqlite"),
        (GOOD + "ca_file = '/etc/passwd'", r"\[workspace\] ca_file: /etc/passwd has no PEM"),
        ("[workspace]\nurl = 'https://x.example'", r"\[workspace\] auth_token is missing"),
        ("[workspace", "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_settings(write(tmp_path, text))
    assert "tell-nobody" not in str(caught.value)


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"copy config\.example\.toml"):
        load_settings(tmp_path / "none.toml")


def test_an_unknown_environment_variable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BOT_WORKSPCE__URL", "https://x.example")
    with pytest.raises(ConfigError, match=r"WORKSPCE__URL; did you mean workspace\?"):
        load_settings(write(tmp_path, GOOD))


def test_a_missing_folder_of_secrets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        load_settings(write(tmp_path, GOOD), secrets=tmp_path / "none")


@pytest.mark.parametrize("half", ['client_id = "a"', 'client_secret = "tell-nobody"'])
def test_half_of_the_oauth_settings_is_refused(tmp_path: Path, half: str) -> None:
    with pytest.raises(ConfigError, match="go together") as raised:
        load_settings(write(tmp_path, f"{GOOD}\n[oauth]\n{half}\n"))
    assert "tell-nobody" not in str(raised.value)


def test_the_client_secret_shows_nowhere(tmp_path: Path) -> None:
    oauth = '[oauth]\nclient_id = "a"\nclient_secret = "tell-nobody"\n'
    settings = load_settings(write(tmp_path, f"{GOOD}\n{oauth}"))
    assert settings.oauth.client_secret.get_secret_value() == "tell-nobody"
    assert "tell-nobody" not in repr(settings)


PATHS = """
[storage]
url = "sqlite:///data/bot.db"
[vault]
key_file = "bot.key"
[places]
database = "places.mmdb"
"""


def test_relative_paths_begin_at_the_configuration_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "folder").mkdir()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    config = write(folder, GOOD + PATHS)
    for working, named in ((elsewhere, config), (folder, Path(config.name))):
        monkeypatch.chdir(working)
        settings = load_settings(named)
        assert settings.storage.url == f"sqlite:///{folder}/data/bot.db"
        assert settings.find_key_file() == folder / "bot.key"
        assert settings.places.database == folder / "places.mmdb"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///bot.db", "sqlite:///{folder}/bot.db"),
        ("sqlite:////srv/bot.db", "sqlite:////srv/bot.db"),
        ("sqlite:///bot.db?timeout=3", "sqlite:///{folder}/bot.db?timeout=3"),
        ("sqlite:///a b/50%.db", "sqlite:///{folder}/a b/50%.db"),
        (
            "sqlite:///file:bot.db?mode=ro&uri=true",
            "sqlite:///file:{folder}/bot.db?mode=ro&uri=true",
        ),
        (
            "sqlite:///file:shared?mode=memory&uri=true",
            "sqlite:///file:shared?mode=memory&uri=true",
        ),
        ("sqlite://", "sqlite://"),
        ("postgresql://me:p%40ss@db/bot", "postgresql://me:p%40ss@db/bot"),
    ],
)
def test_an_address_of_a_database_keeps_its_meaning(
    tmp_path: Path, written: str, meant: str
) -> None:
    config = write(tmp_path, f"{GOOD}[storage]\nurl = '{written}'\n")
    found, expected = load_settings(config).storage.url, meant.format(folder=tmp_path)
    assert make_url(found) == make_url(expected)


def test_the_database_that_nothing_names_is_beside_the_configuration_or_with_a_services_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write(tmp_path, GOOD)
    assert load_settings(config).storage.url == f"sqlite:///{tmp_path}/session-bot.db"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/session-bot:/var/lib/other")
    assert load_settings(config).storage.url == "sqlite:////var/lib/session-bot/session-bot.db"
    config = write(tmp_path, GOOD + "[storage]\nurl = 'sqlite:///session-bot.db'\n")
    assert load_settings(config).storage.url == f"sqlite:///{tmp_path}/session-bot.db"


def test_a_database_in_the_working_folder_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "folder").mkdir()
    config = write(folder, GOOD)
    (old := tmp_path / "session-bot.db").touch()
    monkeypatch.chdir(tmp_path)
    complaint = rf"{folder}/session-bot.db, which does not exist, but {old} does. Write"
    with pytest.raises(ConfigError, match=complaint):
        load_settings(config)
    old.rename(folder / old.name)
    assert load_settings(config).storage.url == f"sqlite:///{folder}/session-bot.db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////srv/bot.db", "/srv/bot.db"),
        (
            "postgresql://me:tell-nobody@db:5433/bot?sslmode=x",
            "postgresql://me@db:5433/bot?sslmode=x",
        ),
        ("postgresql://me:tell-nobody@1@db/bot", "postgresql://me@db/bot"),
        (
            "postgresql:///bot?host=/run/postgresql&password=tell-nobody",
            "postgresql:///bot?host=%2Frun%2Fpostgresql",
        ),
    ],
)
def test_a_database_is_described_without_its_password(tmp_path: Path, url: str, shown: str) -> None:
    config = write(tmp_path, f"{GOOD}[storage]\nurl = '{url}'\n")
    described = describe_sources(load_settings(config), config)
    assert described == f"configuration {config}, database {shown}"


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (Path.mkdir, "Is a directory"),
        (lambda path: path.write_bytes(b"\xff"), "is not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_words(
    tmp_path: Path, make: Callable[[Path], object], complaint: str
) -> None:
    make(path := tmp_path / "config.toml")
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_settings(path)
    assert "Errno" not in str(caught.value)


def test_without_a_file_it_is_said_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_BOT_CONFIG", "/nowhere/config.toml")  # for the command line
    with pytest.raises(
        ConfigError, match=r"\[workspace\] is missing; .* --config or SESSION_BOT_CON"
    ):
        load_settings(None)
