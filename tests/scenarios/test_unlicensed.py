"""Without device management the bot says so before it asks anybody for a token."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.backoff import Backoff
from bot.demo.demo import format_as_text
from bot.models import AuthToken
from bot.rocketchat.account import LICENCE_CHECKED_EVERY, BotAccount
from bot.rocketchat.client import open_rest_client
from rocketchat_simulator import Simulator
from tests.scenarios.test_logout_everywhere import DONE, QUESTION, ask, find_logins
from tests.scenarios.test_reports_in_trouble import DAY, EVENING, NINE, remove_tokens
from tests.support.stage import QUICKLY, Stage, on_each_version, open_stage

EXAMPLE = "QoYYFw2t9oKks2niG"
MISSING = "This workspace has no device management, so I cannot see any sessions here."


@on_each_version
@pytest.mark.parametrize(
    "question", ["!sessions", "!session 2", "!report daily 9:00", "!alerts on"]
)
async def test_nobody_is_asked_for_a_token_that_shows_nothing(
    tmp_path: Path, version: str, question: str
) -> None:
    async with open_stage(tmp_path, version, is_licensed=False) as stage:
        alice = stage.invite("alice")
        answer = await ask(alice, question)
        assert answer.startswith(MISSING)
        assert "`!logout all` signs you out everywhere" in answer
        assert "`!connect`" in answer
        assert "/connect/" not in answer


@on_each_version
async def test_what_needs_no_licence_is_offered_and_works(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, is_licensed=False) as stage:
        alice = stage.invite("alice")
        link = await alice.ask_for_link("!logout all")
        assert "I need a personal access token of yours" in alice.texts[-1]
        assert MISSING in alice.texts[-1], "said before the token is given"
        await alice.fill_in(link)
        assert (await alice.hear(QUESTION)).startswith(QUESTION)
        assert (await ask(alice, "!confirm")).startswith(DONE)
        assert not find_logins(stage.simulator.workspace)
        answer = await ask(alice, "!sessions")
        assert answer.startswith(MISSING)
        assert "One thing works: `!logout all` signs you out everywhere." in answer
        assert "`!connect`" not in answer, "she is connected"


@on_each_version
async def test_connect_says_it_before_the_link_and_offers_the_token_only(
    tmp_path: Path, version: str
) -> None:
    async with open_stage(tmp_path, version, is_licensed=False, has_oauth=True) as stage:
        alice = await stage.meet("alice")
        link = await alice.ask_for_link()
        assert stage.count_said("Here is your link.") == 1
        assert MISSING in find_last(stage)
        visit = await alice.person.visit(link)
        assert 'name="token"' in visit.page
        assert f"{link}/oauth" not in visit.page


def find_last(stage: Stage) -> str:
    """Return what the bot said last to Alice."""
    workspace = stage.simulator.workspace
    room = workspace.direct_room(stage.people.alice, stage.people.bot)
    return format_as_text(workspace.messages.of(room)[-1])


@dataclass
class Seconds:
    """A monotonic clock that can be put forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@on_each_version
async def test_the_licence_comes_and_goes_while_the_bot_runs(tmp_path: Path, version: str) -> None:
    seconds = Seconds()
    overrides = replace(QUICKLY, seconds=seconds)
    async with open_stage(tmp_path, version, is_licensed=False, overrides=overrides) as stage:
        workspace = stage.simulator.workspace
        alice, bob = stage.invite("alice"), stage.invite("bob")
        assert (await ask(alice, "!sessions")).startswith(MISSING)
        workspace.is_licensed = True
        seconds.ahead += 61
        link = await alice.ask_for_link("!sessions")
        await alice.fill_in(link)
        assert "signed in as you" in await alice.hear("signed in as you")
        workspace.is_licensed = False
        answer = await ask(alice, f"!session {EXAMPLE}")
        assert answer.startswith(MISSING)
        assert "One thing works: `!logout all` signs you out everywhere." in answer
        seconds.ahead += 61
        assert "/connect/" not in await ask(bob, "!sessions")


@pytest.mark.parametrize("is_token_dead", [False, True])
async def test_a_report_without_a_token_names_connect_only_where_that_helps(
    tmp_path: Path, *, is_token_dead: bool
) -> None:
    seconds = Seconds()
    overrides = replace(QUICKLY, seconds=seconds)
    async with open_stage(tmp_path, start=EVENING, overrides=overrides) as stage:
        workspace = stage.simulator.workspace
        alice = await stage.meet_connected("alice")
        await alice.ask("!timezone Europe/Berlin")
        await alice.ask("!report daily 9")
        if is_token_dead:
            remove_tokens(stage)
        else:
            await alice.ask("!disconnect")
        workspace.is_licensed = False
        seconds.ahead += 61
        told = await alice.hear_at(NINE)
        assert MISSING in told
        assert "connect" not in told
        assert ("so I have deleted it." in told) is is_token_dead
        workspace.is_licensed = True
        seconds.ahead += 61
        told = await alice.hear_at(NINE + DAY)
        assert "`!connect` fixes that." in told
        assert MISSING not in told
        assert stage.count_said("Your report of") == 2


async def test_a_workspace_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    seconds = Seconds()
    overrides = replace(QUICKLY, seconds=seconds)
    async with open_stage(tmp_path, overrides=overrides) as stage:
        seconds.ahead += 61
        stage.simulator.faults.fail_next("sessions/list", status=503, times=3)
        assert await stage.invite("alice").ask_for_link("!sessions")


@on_each_version
async def test_it_looks_at_the_start_and_once_a_day_and_the_log_tells(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    passed: list[float] = []
    checks: list[int] = []

    def count_checks() -> int:
        return sum(each.path.endswith("sessions/list") for each in simulator.requests)

    async def sleep(seconds: float) -> None:
        passed.append(seconds)
        checks.append(count_checks())
        if len(passed) > LICENCE_CHECKED_EVERY:
            raise asyncio.CancelledError

    async with Simulator(version=version, is_licensed=False) as simulator:
        bot = simulator.workspace.add_user("sessions", roles=("user", "bot"))
        secret = SecretStr(simulator.workspace.make_personal_access_token(bot, "bot"))
        token = AuthToken(bot.id, secret)
        async with open_rest_client(simulator.url, token) as rest:
            account = BotAccount(rest, token, lambda: sum(passed))
            await account.wait(Backoff())
            assert count_checks() == 1
            assert "no device management" in capsys.readouterr().out
            simulator.workspace.is_licensed = True
            with pytest.raises(asyncio.CancelledError):
                await account.follow(lambda _: None, sleep)
    assert sum(passed[:-1]) == timedelta(days=1).total_seconds()
    assert checks[-2:] == [1, 2]
    assert "the workspace has device management now" in capsys.readouterr().out
