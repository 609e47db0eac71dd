from pathlib import Path

import pytest

from bot.config import Settings, load_settings
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
