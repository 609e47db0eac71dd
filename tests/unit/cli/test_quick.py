"""``--version``, ``--help`` and completion load nothing of what the commands need."""

import json
import os
import subprocess
import sys

import pytest

NOT_NEEDED = {
    "aiohttp",
    "alembic",
    "asyncio",
    "babel",
    "bot.admin",
    "bot.app",
    "bot.config",
    "bot.demo",
    "cryptography",
    "jinja2",
    "PIL",
    "procrastinate",
    "prometheus_client",
    "pydantic_settings",
    "rocketchat_simulator",
    "sqlalchemy",
    "structlog",
    "websockets",
}
TYPERS_OWN = {"pydantic"}
"""Typer takes it to parse the words after a group's name, but not for ``--version``."""

PRINT_IMPORTED = """
import json, sys
from bot.cli import main
sys.argv = ["session-bot", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print()
print(json.dumps(sorted(sys.modules)))
"""
COMPLETE = {
    "_SESSION_BOT_COMPLETE": "complete_bash",
    "COMP_WORDS": "session-bot accounts f",
    "COMP_CWORD": "2",
}


@pytest.mark.parametrize(
    ("arguments", "variables", "printed", "not_needed"),
    [
        (["--version"], {}, "session-bot ", NOT_NEEDED | TYPERS_OWN),
        (["--help"], {}, "accounts", NOT_NEEDED | TYPERS_OWN),
        (["accounts", "--help"], {}, "forget", NOT_NEEDED),
        ([], COMPLETE, "forget", NOT_NEEDED),
    ],
)
def test_what_only_prints_imports_nothing_that_it_does_not_need(
    arguments: list[str], variables: dict[str, str], printed: str, not_needed: set[str]
) -> None:
    result = subprocess.run(  # noqa: S603 - this program
        [sys.executable, "-c", PRINT_IMPORTED, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed in result.stdout
    assert not_needed & set(json.loads(result.stdout.splitlines()[-1])) == set()
