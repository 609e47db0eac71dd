"""``!logout all``: everything is signed out with one call, and what is said about it is true."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rocketchat_simulator import Simulator, Workspace
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Guest
from tests.support.stage import Stage, on_each_version, open_stage

ROUTE = "users.logoutOtherClients"
QUESTION = "Sign out everything that is signed in as you?"
DONE = "Every browser, phone and computer that was signed in as you is signed out."
OLDEST = "QoYYFw2t9oKks2niG"
FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
IN_LIST = 12


def add_sessions(simulator: Simulator) -> None:
    """Let Alice have twelve sessions with a login token each, the demo's among them."""
    workspace = simulator.workspace
    alice = workspace.find_user_by_name("alice")
    assert alice is not None
    for number in range(IN_LIST - len(find_logins(workspace))):
        token = workspace.make_login_token(alice)
        workspace.open_session(alice, token=token, device=CHROME_WINDOWS, ip=f"192.0.2.{number}")


def find_logins(workspace: Workspace) -> list[str]:
    """Return the hashes of Alice's login tokens that are valid."""
    alice = workspace.find_user_by_name("alice")
    assert alice is not None
    return [each.hash for each in alice.tokens.values() if not each.name]


def count_listed(stage: Stage) -> int:
    sessions = stage.simulator.workspace.sessions
    return len(sessions.list(sessions.rows_of(stage.people.alice)))


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version, arrange=add_sessions) as opened:
        yield opened


@pytest.fixture
async def alice(stage: Stage) -> Guest:
    """Talk in the workspace itself: her own clients are signed out, too."""
    guest = stage.invite("alice")
    await guest.connect()
    return guest


def read_files(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.iterdir()).decode("latin-1")


async def ask(guest: Guest, text: str) -> str:
    before = len(guest.replies)
    guest.say(text)
    await guest.wait_until(lambda each: len(each.replies) > before)
    return guest.texts[before]


async def wait_until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():  # noqa: ASYNC110 - the workspace has no event for it
            await asyncio.sleep(0.01)


@on_each_version
async def test_one_call_signs_out_twelve_sessions_within_a_second(
    stage: Stage, alice: Guest
) -> None:
    began_at = time.monotonic()
    await ask(alice, "!logout all")
    # Where the machine is busy, as many times a question before it.
    limit_s = max(1.0, 5 * (time.monotonic() - began_at))
    asked_before = len(stage.simulator.requests)
    alice.say("!confirm")
    began_at = time.monotonic()
    await wait_until(lambda: not find_logins(stage.simulator.workspace))
    assert time.monotonic() - began_at < limit_s
    assert (await alice.hear(DONE)).startswith(DONE)
    routes = [each.path.rpartition("/")[2] for each in stage.simulator.requests]
    assert routes[asked_before : asked_before + 2] == [ROUTE, "chat.sendMessage"]
    assert routes.count(ROUTE) == 1


@on_each_version
async def test_it_says_before_and_after_what_is_true(stage: Stage, alice: Guest) -> None:
    question = await ask(alice, "!logout all")
    assert question.startswith(QUESTION)
    assert "is signed out at once, and you too" in question
    assert "Then sign in again and change your password." in question
    assert "Personal access tokens stay valid, the one you gave me too" in question
    assert "Send `!confirm` within two minutes" in question
    assert find_logins(stage.simulator.workspace), "before the confirmation"
    done = await ask(alice, "!confirm")
    assert "Now change your password: anyone who knows it can sign in again." in done
    assert "Personal access tokens stay valid" in done
    assert "they are signed out all the same" in done
    assert stage.simulator.workspace.user_of_token(alice.token) is stage.people.alice
    assert "Signed out everywhere: " in await ask(alice, "!privacy")


@on_each_version
async def test_what_is_still_listed_is_not_taken_for_signed_in(stage: Stage, alice: Guest) -> None:
    stage.simulator.faults.fail_next("sessions/logout.me", status=503, times=9)
    await ask(alice, "!logout all")
    await ask(alice, "!confirm")
    await wait_until(lambda: stage.simulator.faults.has_failed("sessions/logout.me"))
    assert count_listed(stage) > 1
    stage.sign_in(ip="203.0.113.50")
    answer = await ask(alice, "!sessions")
    assert answer.startswith("2 devices are signed in as you")
    assert "`203.0.113.50`" in answer, "who comes later is shown"
    assert "A script or an unknown app" in answer, "it may have a personal access token"
    answer = await ask(alice, f"!session {FIREFOX}")
    assert answer.startswith("Firefox 131 on Windows 10 or 11: signed out")
    assert "by you" in answer


@on_each_version
async def test_the_list_is_cleaned_and_later_sign_ins_and_scripts_stay(
    stage: Stage, alice: Guest
) -> None:
    await ask(alice, "!logout all")
    await ask(alice, "!confirm")
    stage.sign_in(ip="203.0.113.50")
    rows = stage.simulator.workspace.sessions.rows_of(stage.people.alice)
    [oldest] = [row for row in rows if row["sessionId"] == OLDEST]
    await wait_until(lambda: "logoutAt" in oldest)
    assert count_listed(stage) == 2
    assert len(find_logins(stage.simulator.workspace)) == 1
    assert stage.simulator.workspace.user_of_token(alice.token) is stage.people.alice


async def test_cleaning_goes_on_after_a_restart(stage: Stage, alice: Guest) -> None:
    stage.simulator.faults.fail_next("sessions/logout.me", status=503, times=1000)
    await ask(alice, "!logout all")
    await ask(alice, "!confirm")
    await wait_until(lambda: stage.simulator.faults.has_failed("sessions/logout.me"))
    await stage.stop_bots()
    stage.simulator.faults.clear()
    assert count_listed(stage) > 1
    await stage.start_bot()
    await wait_until(lambda: count_listed(stage) == 1)
    assert (await ask(alice, "!sessions")).startswith("1 device is signed in as you")


@pytest.mark.parametrize("version", ["6.5", "8.3", "8.8"])
async def test_with_oauth_it_goes_one_by_one(tmp_path: Path, version: str) -> None:
    async with open_stage(tmp_path, version, has_oauth=True, arrange=add_sessions) as stage:
        await (await stage.meet("alice")).connect_by_button()
        alice = stage.invite("alice")
        question = await ask(alice, "!logout all")
        assert question.startswith(QUESTION)
        assert "one session after the other" in question
        assert "A personal access token lets me do it at once: `!connect`." in question
        assert "Chrome 129 on macOS" in question
        alice.say("!confirm")
        # After three seconds it tells how far it is.
        done = await alice.hear("Signed out ")
        assert done.startswith("Signed out ")
        assert "still signed in" not in done
        assert "Chrome 129 on macOS" in done
        assert "Now change your password" in done
        assert not find_logins(stage.simulator.workspace)
        assert stage.count_calls(ROUTE) == 0


async def test_with_oauth_and_a_limit_it_tells_how_far_it_is(tmp_path: Path) -> None:
    async with open_stage(
        tmp_path, has_oauth=True, arrange=add_sessions, limit_calls=6, limit_window=5.0
    ) as stage:
        await (await stage.meet("alice")).connect_by_button()
        alice = stage.invite("alice")
        await ask(alice, "!logout all")
        alice.say("!confirm")
        done = await alice.hear("Signed out ")
        assert any("6 of 14 sessions are signed out so far." in said for said in alice.notices)
        assert "still signed in" not in done


@on_each_version
async def test_without_an_answer_it_asks_again_and_then_says_that_it_does_not_know(
    stage: Stage, alice: Guest
) -> None:
    stage.simulator.faults.fail_next(ROUTE, status=502, times=1)
    await ask(alice, "!logout all")
    assert (await ask(alice, "!confirm")).startswith(DONE)
    stage.sign_in()
    stage.simulator.faults.fail_next(ROUTE, status=502, times=2)
    await ask(alice, "!logout all")
    answer = await ask(alice, "!confirm")
    assert answer.startswith("I don't know whether everything is signed out.")
    assert "Did you have to sign in again to read this? Then it has worked." in answer
    assert "`!logout all`" in answer
    assert "Chrome 113" in await ask(alice, "!sessions"), "nothing is taken for ended"


async def test_a_dead_token_signs_out_nothing_and_says_so(stage: Stage, alice: Guest) -> None:
    await ask(alice, "!logout all")
    stage.simulator.workspace.revoke_token(alice.token)
    answer = await ask(alice, "!confirm")
    assert answer.startswith("Nothing has been signed out. Your workspace no longer accepts")
    assert "Then send `!logout all` once more." in answer
    assert "/connect/" in answer
    assert find_logins(stage.simulator.workspace)


@on_each_version
async def test_who_is_not_connected_is_asked_for_a_token_and_then_whether(stage: Stage) -> None:
    alice = stage.invite("alice")
    link = await alice.ask_for_link("!logout all")
    assert "I need a personal access token of yours" in alice.texts[-1]
    await alice.fill_in(link)
    assert (await alice.hear(QUESTION)).startswith(QUESTION)


async def test_a_second_confirmation_does_no_harm(stage: Stage, alice: Guest) -> None:
    await ask(alice, "!logout all")
    await ask(alice, "!confirm")
    stage.sign_in(ip="203.0.113.50")
    assert "nothing to confirm here" in await ask(alice, "!confirm")
    assert len(find_logins(stage.simulator.workspace)) == 1


async def test_an_answer_that_is_sent_again_signs_out_nobody_again(
    stage: Stage, alice: Guest
) -> None:
    await ask(alice, "!logout all")
    stage.simulator.faults.fail_next("chat.sendMessage", status=503, times=4)
    stage.simulator.faults.fail_next("chat.getMessage", status=503, times=12)
    alice.say("!confirm")
    await stage.wait_for_calls(ROUTE)
    await wait_until(lambda: count_listed(stage) == 1)
    stage.sign_in(ip="203.0.113.50")
    await alice.hear(DONE)
    assert stage.count_calls(ROUTE) == 1
    assert len(find_logins(stage.simulator.workspace)) == 1


async def test_the_token_in_the_answer_comes_out_nowhere(
    tmp_path: Path, logged: io.StringIO
) -> None:
    async with open_stage(tmp_path, arrange=add_sessions) as stage:
        alice = stage.invite("alice")
        await alice.connect()
        await ask(alice, "!logout all")
        await ask(alice, "!confirm")
        await wait_until(lambda: count_listed(stage) == 1)
        said = "\n".join(alice.texts)
    stored = read_files(tmp_path)
    assert ROUTE in logged.getvalue()
    for output in (logged.getvalue(), said, stored):
        assert alice.token not in output
