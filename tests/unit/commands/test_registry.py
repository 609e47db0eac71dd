from types import ModuleType

import pytest

from bot import commands
from bot.commands.registry import Context, command, load_commands
from bot.errors import UnknownCommandError
from bot.models import Reply
from tests.support.commands_page import PAGE, make_page


def test_the_page_of_commands_is_up_to_date() -> None:
    assert PAGE.read_text() == make_page(), "make docs"


def test_every_command_says_what_it_does() -> None:
    for each in load_commands(commands):
        assert each.summary.endswith("."), each.name
        assert each.forms[0].startswith(each.name)
        assert all(example.startswith(each.name) for example in each.examples)


def test_a_command_without_a_docstring_is_refused() -> None:
    async def silent(context: Context) -> Reply:
        return Reply(context.words)

    with pytest.raises(TypeError, match="no docstring"):
        command("silent")(silent)


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("sesion", "session"), ("seshions", "sessions"), ("log-out", "logout"), ("hlep", "help")],
)
def test_the_nearest_command_is_offered(typed: str, nearest: str) -> None:
    with pytest.raises(UnknownCommandError, match=f"Did you mean {nearest}"):
        load_commands(commands).find(typed)


def test_a_package_without_commands_has_none() -> None:
    package = ModuleType("empty")
    package.__path__ = []
    assert not list(load_commands(package))
