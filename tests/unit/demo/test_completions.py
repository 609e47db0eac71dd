from bot import commands
from bot.commands.registry import CommandRegistry, load_commands
from bot.demo.completions import list_lines


def list_of(registry: CommandRegistry) -> list[str]:
    return [each["line"] for each in list_lines(registry)]


def test_every_command_and_form_is_completed_without_placeholders() -> None:
    registry = load_commands(commands)
    lines = list_of(registry)
    assert not [line for line in lines if set(line) & set("<>[]")]
    assert len(lines) == len(set(lines))
    for command in registry:
        for form in command.forms:
            fixed = form.partition("<")[0].partition("[")[0].strip()
            assert [line for line in lines if f"{line} ".startswith(f"{fixed} ")], form
        assert set(command.examples) <= set(lines)


def test_an_argument_comes_from_another_example_of_its_command() -> None:
    lines = list_of(load_commands(commands))
    assert "report weekdays 09:00" in lines
    assert "logout device 2" in lines
    assert "logout device others" not in lines


def test_help_is_completed_with_every_command() -> None:
    registry = load_commands(commands)
    assert {f"help {each.name}" for each in registry} <= set(list_of(registry))
