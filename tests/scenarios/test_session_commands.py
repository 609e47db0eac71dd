"""The commands about sessions: what a person says and sees."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from rocketchat_simulator import Simulator
from rocketchat_simulator.demo.devices import CHROME_WINDOWS
from tests.support.deadlines import DEADLINE_S
from tests.support.people import Conversation
from tests.support.stage import Stage, on_each_version, open_stage

FIREFOX = "hQ7rXk2Zs9TtYw3Ab"
CHROMES = ("Zr8uDe6MxCjP2vNqY", "b3HfWt7SoGk4LpRaX", "yJ6vQc2EnTmZ9dAiB")


@pytest.fixture
async def stage(version: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, version) as opened:
        yield opened


async def find_number(conversation: Conversation, words: str) -> int:
    listed = await conversation.ask("!sessions")
    [line] = [each for each in listed.splitlines() if words in each]
    return int(line.partition(":")[0])


# !sessions


@on_each_version
async def test_sessions_are_listed_newest_first_and_devices_grouped(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    answer = await alice.ask("!sessions")
    first, *lines = answer.splitlines()
    assert first == "9 devices are signed in as you (11 sessions)"
    assert lines[0] == "  1: *A script or an unknown app*"
    assert lines[1].startswith("    signed in just now")
    assert lines[2] == "  2: *Firefox 131 on Windows 10 or 11*"
    assert lines[3].startswith("    signed in 3 hours ago")
    [chrome] = [line for line in lines if "Chrome 129" in line]
    assert "Chrome 129 on macOS 10.15 or later (×3)" in chrome  # noqa: RUF001 - times
    assert "oL4wGz9CyQs8RjKtH" not in answer
    assert lines[-1] == "  What next?: `!session 1` for more, `!logout 1` to sign it out"


async def test_words_filter_by_device_system_and_address(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    for words in ("firefox", "203.0.113.7", "windows 131", "FIREFOX"):
        answer = await alice.ask(f"!sessions {words}")
        lead, first, *_ = answer.splitlines()
        assert lead == f"1 of your devices matches “{words.casefold()}”"
        assert first.startswith("  2: *Firefox 131"), words
    assert "None of your 9 devices matches “amiga”." in await alice.ask("!sessions amiga")


def many_sessions(count: int, *, equal: bool) -> Callable[[Simulator], None]:
    def arrange(simulator: Simulator) -> None:
        workspace = simulator.workspace
        alice = workspace.find_user_by_name("alice")
        assert alice is not None
        for number in range(count):
            workspace.open_session(
                alice,
                token=workspace.make_login_token(alice),
                device=CHROME_WINDOWS,
                ip="192.0.2.1" if equal else f"192.0.2.{number % 200}",
            )

    return arrange


async def test_fifty_equal_devices_are_one_line(tmp_path: Path) -> None:
    async with open_stage(tmp_path, arrange=many_sessions(38, equal=True)) as stage:
        alice = await stage.meet_connected("alice")
        assert "(×38)" in await alice.ask("!sessions")  # noqa: RUF001 - times


async def test_many_devices_come_in_pages(tmp_path: Path) -> None:
    async with open_stage(tmp_path, arrange=many_sessions(15, equal=False)) as stage:
        alice = await stage.meet_connected("alice")
        first = await alice.ask("!sessions")
        assert "Page 1 of 3: `!sessions page 2`" in first
        third = await alice.ask("!sessions page 3")
        assert "Page 3 of 3" in third
        assert third.splitlines()[1].startswith("  21: ")
        assert "There is no page 4." in await alice.ask("!sessions page 4")


# !session


@on_each_version
async def test_a_session_is_found_by_number_last_and_beginning(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    for words in (str(number), "hQ7r", FIREFOX):
        answer = await alice.ask(f"!session {words}")
        assert answer.startswith("Firefox 131 on Windows 10 or 11: "), words
        assert FIREFOX in answer
    assert (await alice.ask("!session last")).startswith("A script or an unknown app: ")


async def test_a_number_without_a_list_means_what_the_list_would_show(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    assert (await alice.ask("!session 2")).startswith("Firefox 131 on Windows 10 or 11: ")


async def test_the_id_counts_when_the_list_has_changed_since(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    many_sessions(3, equal=False)(stage.simulator)
    assert (await alice.ask(f"!session {number}")).startswith("Firefox 131")


@pytest.mark.parametrize("number", ["0", "99", "10"])
async def test_a_number_out_of_range_is_named(stage: Stage, number: str) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask("!sessions")
    answer = await alice.ask(f"!session {number}")
    assert f"There is no number {number}: your last list went from 1 to 9." in answer


@pytest.mark.parametrize("command", ["session", "logout", "name"])
async def test_a_number_of_thousands_of_digits_is_refused_in_words(
    stage: Stage, command: str
) -> None:
    alice = await stage.meet_connected("alice")
    assert "is not a session id" in await alice.ask(f"!{command} {'9' * 4500}")


async def test_a_beginning_of_digits_is_one(stage: Stage) -> None:
    whole = "40217718-9f3a-11f1-9d1c-0242ac120002"  # as ddp-streamer makes them
    workspace = stage.simulator.workspace
    token = workspace.make_login_token(stage.people.alice)
    workspace.open_session(stage.people.alice, session_id=whole, token=token, device=CHROME_WINDOWS)
    alice = await stage.meet_connected("alice")
    for words in (whole, whole[:-1], whole[:17], "40217718-", "40217718", "4021"):
        assert whole in await alice.ask(f"!session {words}"), words


async def test_the_numbers_stay_where_no_list_is_shown(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    stage.sign_in()
    # What the workspace answered may be three seconds old.
    async with asyncio.timeout(DEADLINE_S):
        while not (await alice.ask("!session last")).startswith("Chrome 113"):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.5)
    await alice.ask("!session hQ7r")
    assert (await alice.ask(f"!session {number}")).startswith("Firefox 131")


async def test_an_ambiguous_beginning_lists_the_candidates(tmp_path: Path) -> None:
    def arrange(simulator: Simulator) -> None:
        workspace = simulator.workspace
        alice = workspace.find_user_by_name("alice")
        assert alice is not None
        for ending in ("AAAA", "BBBB"):
            token = workspace.make_login_token(alice)
            workspace.open_session(alice, session_id=f"XyZ23456789ab{ending}", token=token)

    async with open_stage(tmp_path, arrange=arrange) as stage:
        alice = await stage.meet_connected("alice")
        answer = await alice.ask("!session XyZ")
        assert "`!session XyZ23456789abAAAA`" in answer
        assert "`!session XyZ23456789abBBBB`" in answer
        assert "can't find" in await alice.ask("!session Qqq")


@on_each_version
async def test_an_empty_device_and_a_missing_address_are_said_to_be_so(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    assert (await alice.ask("!session Kd9sRf4WuXo7NgLhE")).startswith("A script or an unknown app")
    assert "IP address: not recorded" in await alice.ask("!session Xa7kPi3FrDe6BuMnT")


@on_each_version
async def test_a_signed_out_session_says_by_whom(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    answer = await alice.ask("!session oL4wGz9CyQs8RjKtH")
    assert "Firefox 130 on Linux: signed out" in answer
    assert "by you" in answer or stage.simulator.workspace.version.label == "8.8"


# !logout


@on_each_version
async def test_logging_out_asks_first_and_says_what_happened(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    question = await alice.ask(f"!logout {number}")
    assert question.startswith("Sign out this device: Firefox 131 on Windows 10 or 11?")
    assert "Send `!confirm` within two minutes" in question
    assert await alice.ask("!confirm") == "Signed out: Firefox 131 on Windows 10 or 11."
    assert "signed out" in await alice.ask(f"!session {FIREFOX}")
    assert "Firefox 131" not in await alice.ask("!sessions")
    gone = "Firefox 131 on Windows 10 or 11 is already signed out."
    assert await alice.ask(f"!logout {FIREFOX}") == gone


@on_each_version
async def test_all_sessions_of_a_device_go_together(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Chrome 129")
    assert "This signs out all 3 of its sessions." in await alice.ask(f"!logout {number}")
    assert (await alice.ask("!confirm")).startswith("Signed out: Chrome 129 on macOS")


async def test_signing_out_a_script_warns_of_its_token(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    assert "deletes that token too" in await alice.ask("!logout Kd9sRf4WuXo7NgLhE")


@on_each_version
async def test_logging_out_others_asks_which_one_stays(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    question = await alice.ask("!logout others")
    assert question.startswith("Which device stays signed in?")
    assert "`!logout others <number>`" in question
    assert "nothing to confirm" in await alice.ask("!confirm")
    number = await find_number(alice, "Firefox 131")
    assert f"{number}: *Firefox 131 on Windows 10 or 11*" in question
    question = await alice.ask(f"!logout others {number}")
    assert question.startswith("Sign out 8 other devices?")
    assert "Stays signed in: Firefox 131 on Windows 10 or 11." in question


@on_each_version
async def test_what_was_signed_out_is_named(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    await alice.ask("!logout others 1")  # the script that this test is
    done = await alice.ask_for_result("!confirm", "Signed out ")
    assert done.startswith("Signed out 8 devices.")
    assert "Chrome 129 on macOS" in done
    assert "(×3)" in done  # noqa: RUF001 - read as "times"
    assert (await alice.ask("!sessions")).startswith("1 device is signed in as you")
    assert "no other session" in await alice.ask("!logout others")


async def test_logging_out_others_keeps_the_one_that_is_named(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    question = await alice.ask(f"!logout others {number}")
    assert "Stays signed in: Firefox 131 on Windows 10 or 11." in question


async def test_a_limit_of_the_workspace_is_waited_out(tmp_path: Path) -> None:
    async with open_stage(tmp_path, limit_calls=8, limit_window=1.0) as stage:
        alice = await stage.meet_connected("alice")
        await alice.ask("!logout others 1")
        answer = await alice.ask_for_result("!confirm", "Signed out ")
        assert answer.startswith("Signed out 8 devices.")
        assert 429 not in {request.status for request in stage.simulator.requests}


# !confirm


async def test_nothing_is_confirmed_twice_late_or_by_somebody_else(stage: Stage) -> None:
    alice, bob = await stage.meet_connected("alice"), await stage.meet_connected("bob")
    nothing = "There is nothing to confirm here."
    assert nothing in await alice.ask("!confirm")
    await alice.ask(f"!logout {FIREFOX}")
    assert "Hier gibt es nichts zu bestätigen." in await bob.ask("!confirm")
    assert "Signed out: Firefox 131 on Windows 10 or 11." in await alice.ask("!confirm")
    assert nothing in await alice.ask("!confirm")
    await alice.ask("!logout Wm4pLzJ8cRdEoXv6T")
    stage.clock.advance(seconds=121)
    assert nothing in await alice.ask("!confirm")
    assert "signed out" not in (await alice.ask("!session Wm4pLzJ8cRdEoXv6T")).splitlines()[0]


async def test_a_confirmation_in_another_room_confirms_nothing(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    group = await alice.person.open_direct_room("sessions", "bob")
    await alice.ask(f"!logout {FIREFOX}")
    await alice.person.say(group, "@sessions confirm")
    # A mention is answered in the direct message, where the question was.
    assert "Signed out: Firefox 131 on Windows 10 or 11." in await alice.hear()


# !name


async def test_a_name_is_shown_from_then_on(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    number = await find_number(alice, "Firefox 131")
    named = await alice.ask(f"!name {number} kitchen *tablet* 👨‍👩‍👧 اللوح")
    assert "is now “kitchen ∗tablet∗ 👨‍👩‍👧 اللوح”" in named  # noqa: RUF001 - made harmless
    assert "kitchen ∗tablet∗ 👨‍👩‍👧 اللوح: Firefox 131" in await alice.ask("!sessions")  # noqa: RUF001
    assert "\nkitchen ∗tablet∗" in await alice.ask(f"!session {FIREFOX}")  # noqa: RUF001
    assert "no longer has a name of yours" in await alice.ask(f"!name {FIREFOX}")
    assert "kitchen" not in await alice.ask("!sessions")


async def test_a_name_that_cannot_be_is_refused(stage: Stage) -> None:
    alice = await stage.meet_connected("alice")
    assert "Which device do you want to name?" in await alice.ask("!name")
    assert "too long" in await alice.ask(f"!name 2 {'x' * 41}")
