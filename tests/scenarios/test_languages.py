"""Which language people read: theirs, the workspace's, or on pages their browser's."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from rocketchat_simulator import Simulator
from tests.support.people import Conversation
from tests.support.stage import Stage, on_each_version, open_stage

MONDAY = datetime(2027, 1, 11, 12, 0, tzinfo=UTC)
# What "!session" without words is answered with.
WHICH_SESSION = {
    "en": "Which session?",
    "de-IN": "Welche Sitzung?",
    "es": "¿Qué sesión?",
    "fr": "Quelle session\u00a0?",
    "pt-BR": "Qual sessão?",
    "pt": "Qual sessão?",
    "ru": "Какой сеанс?",
    "pl": "Która sesja?",
    "ja": "どのセッションですか",
    "it": "Which session?",
}


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    def arrange(simulator: Simulator) -> None:
        simulator.workspace.language = "pt-BR"

    async with open_stage(tmp_path, version, start=MONDAY, arrange=arrange) as opened:
        yield opened


async def meet(stage: Stage, language: str) -> Conversation:
    username = f"guest.{language.casefold()}"
    stage.simulator.workspace.add_user(username, language=language)
    return await stage.meet(username)


async def open_page(link: str, accepted: str) -> str:
    """Return the page and check that it says which language it has."""
    async with (
        aiohttp.ClientSession(headers={"Accept-Language": accepted}) as http,
        http.get(link) as response,
    ):
        return await response.text()


def find_page_language(page: str) -> str:
    found = re.search(r'<html lang="([\w-]+)">', page)
    assert found is not None
    return found[1]


@on_each_version
async def test_the_workspaces_language_is_spoken_until_the_person_is_known(stage: Stage) -> None:
    guest = await meet(stage, "ru")
    # A bot cannot read the language of somebody who is not connected.
    assert (await guest.ask("!help")).startswith("Eu mostro quais dispositivos")
    assert (await guest.connect()).startswith("Вы подключены.")
    assert (await guest.ask("!session")).startswith(WHICH_SESSION["ru"])
    assert "`!logout <идентификатор или номер>`" in await guest.ask("!help logout")
    assert (await guest.ask("!disconnect")).startswith("Готово: ")
    assert (await guest.ask("!help")).startswith("Eu mostro quais dispositivos")


@on_each_version
async def test_who_has_chosen_no_language_reads_the_workspaces(stage: Stage) -> None:
    guest = await meet(stage, "")
    assert (await guest.connect()).startswith("Sua conta está vinculada.")
    assert (await guest.ask("!session")).startswith(WHICH_SESSION["pt-BR"])


@on_each_version
async def test_pages_follow_the_browser_until_the_person_is_known(stage: Stage) -> None:
    guest = await meet(stage, "pl")
    link = await guest.ask_for_link()
    page = await open_page(link, "it, fr-CH;q=0.8, en;q=0.7")
    assert find_page_language(page) == "fr"
    assert "<h1>Associez votre compte</h1>" in page
    assert find_page_language(await open_page(link, "it, da;q=0.8")) == "en"
    status, page = await guest.paste_token(link)
    assert (status, find_page_language(page)) == (200, "pl")
    assert "<h1>Konto jest połączone</h1>" in page


@on_each_version
async def test_each_language_is_spoken_throughout(stage: Stage) -> None:
    for language, beginning in WHICH_SESSION.items():
        guest = await meet(stage, language)
        await guest.connect()
        answer = await guest.ask("!session")
        assert answer.startswith(beginning), (language, answer)


async def test_a_workspace_without_a_language_is_spoken_to_in_english(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        guest = await meet(stage, "")
        assert (await guest.ask("!help")).startswith("I tell you which devices")
        await guest.ask("!whoami")
        # Asked once an hour, not with each message; a version before 7.0 is asked in two ways.
        assert stage.count_calls("settings.public") == 1


@on_each_version
async def test_a_workspace_that_does_not_tell_its_language_keeps_nobody_waiting(
    stage: Stage,
) -> None:
    stage.simulator.faults.fail_next("/api/v1/settings.public", status=503, times=100)
    guest = await meet(stage, "")
    assert (await guest.ask("!help")).startswith("I tell you which devices")
    stage.simulator.faults.clear()
    stage.clock.advance(seconds=60)
    assert (await guest.ask("!help")).startswith("Eu mostro quais dispositivos")


@on_each_version
async def test_a_report_comes_in_the_persons_language(stage: Stage) -> None:
    guest = await meet(stage, "ja")
    await guest.connect()
    assert (await guest.ask("!report weekly mon 13:00")).startswith(
        "レポートは毎週月曜日 13:00に届きます。"
    )
    report = await guest.hear_at(MONDAY + timedelta(hours=1))
    assert report.startswith("レポート")
