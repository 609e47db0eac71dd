"""The demo beside the settings of a real bot."""

import pytest

from tests.support.shell import Shell


def test_settings_in_the_environment_are_not_the_demos(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BOT_WORKSPACE__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SESSION_BOT_WEB__PORT", "9")
    said = shell("demo", "--say", "!session QoYYFw2t9oKks2niG")
    assert said.exit_code == 0, said.output
    assert said.output.startswith("Chrome 113 on Windows 10 or 11")
