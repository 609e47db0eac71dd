"""How the simulated workspace reads user agents."""

import pytest

from rocketchat_simulator.workspace.user_agent import parse_user_agent


@pytest.mark.parametrize(
    ("agent", "kind", "name", "version", "system"),
    [
        ("Python/3.11 websockets/10.4", "other", "", "", ""),
        ("", "other", "", "", ""),
        ("RC Mobile; ios 17.5.1; v4.52.0 (54321)", "mobile-app", "RC Mobile", "4.52.0", "ios"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70"
            ),
            *("browser", "Edge", "131.0.2903", "Windows"),
        ),
        (
            (
                "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
                "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
            ),
            *("tablet", "Mobile Safari", "17.5", "iOS"),
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/131.0.0.0 Mobile Safari/537.36"
            ),
            *("mobile", "Chrome", "131.0.0", "Android"),
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like "
                "Gecko) Version/17.6 Safari/605.1.15"
            ),
            *("", "Safari", "17.6", "Mac OS"),
        ),
    ],
)
def test_user_agents_are_read_as_the_server_reads_them(
    agent: str, kind: str, name: str, version: str, system: str
) -> None:
    device = parse_user_agent(agent, has_linux_version=False)

    assert device["type"] == kind
    assert device["name"] == name
    assert device["version"] == version
    assert device["os"]["name"] == system


def test_a_rebranded_desktop_app_has_neither_name_nor_version() -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64) Acme/4.1.2 Chrome/128.0.1 Electron/32.0.1"

    device = parse_user_agent(agent, has_linux_version=False)

    assert device["type"] == "desktop-app"
    assert "name" not in device


def test_systems_are_named_as_ua_parser_js_names_them() -> None:
    chromebook = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/129.0.0.0 Safari/537.36"
    old = "Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0"

    systems = [parse_user_agent(each, has_linux_version=False)["os"] for each in (chromebook, old)]

    assert systems[0] == {"name": "Chromium OS", "version": "14541.0.0"}
    assert systems[1] == {"name": "Windows", "version": "XP"}
