"""Files that other programs read are as their schemas want them, and agree with each other."""

import base64
import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.config import load_settings
from bot.errors import StorageError
from bot.storage.schema import find_revisions, is_outdated
from bot.storage.vault import parse_key

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / ".github"
SCHEMAS = files("check_jsonschema") / "builtin_schemas" / "vendor"
FILES = [
    ("compose-spec", ROOT / "packaging" / "compose.yaml"),
    *(("github-workflows", file) for file in sorted((GITHUB / "workflows").glob("*.yml"))),
    ("dependabot", GITHUB / "dependabot.yml"),
]


def load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(file)
    return document


@pytest.mark.parametrize(("schema", "file"), FILES, ids=[file.name for _, file in FILES])
def test_the_file_is_as_its_schema_wants_it(schema: str, file: Path) -> None:
    jsonschema.validate(load(file), json.loads((SCHEMAS / f"{schema}.json").read_text()))


def load_project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def test_ci_tries_every_version_of_python_from_the_oldest_on() -> None:
    matrix = load(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    project = load_project()
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    named = {
        each.rpartition(" ")[2] for each in project["classifiers"] if ":: Python :: 3." in each
    }
    assert named <= set(matrix["python"])


def test_the_settings_in_compose_make_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = load(ROOT / "packaging" / "compose.yaml")["services"]["session-bot"][
        "environment"
    ]
    key = base64.b64encode(bytes(range(200, 232)), altchars=b"-_").decode()  # as openssl and tr do
    values = {"CHAT_URL": "https://chat.example.org", "BOT_URL": "https://bot.example.org"}
    values |= {"BOT_USER_ID": "rbAXPnMktTFbNpwtJ", "BOT_AUTH_TOKEN": "token", "VAULT_KEYS": key}
    values["POSTGRES_PASSWORD"] = "letters"
    monkeypatch.chdir(tmp_path)
    for name, text in environment.items():
        monkeypatch.setenv(name, re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values[found[1]], text))
    settings = load_settings(None)
    assert settings.storage.url == "postgresql://session_bot:letters@postgresql/session_bot"
    assert parse_key(settings.vault.keys[0].get_secret_value(), "") == bytes(range(200, 232))
    assert settings.workspace.auth_token.get_secret_value() == "token"


def test_every_form_asks_for_something_and_has_an_id_for_it() -> None:
    forms = [file for file in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config"]
    for form in map(load, forms):
        assert form["name"]
        assert form["description"]
        asked = [each for each in form["body"] if each["type"] != "markdown"]
        assert len({each["id"] for each in asked}) == len(asked) > 1
        assert any(each.get("validations", {}).get("required") for each in asked)
        assert {each["type"] for each in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len(forms) == 2


def test_the_page_on_upgrading_knows_this_version_and_its_schema() -> None:
    page = (ROOT / "docs" / "upgrading.md").read_text()
    rows = dict(re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d{4}) \|$", page, re.MULTILINE))
    assert rows[load_project()["version"]] == max(find_revisions())
    with pytest.raises(StorageError) as refused:
        is_outdated("0010")
    assert f"session-bot: {refused.value}\n" in page


def test_the_changelog_has_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [each for each in headings if each != "Unreleased"]
    assert re.fullmatch(load_project()["version"] + r" \(\d{4}-\d\d-\d\d\)", released[0])
