"""What a command is: a function of a Context that returns a Reply; its docstring is its help.

@command("session <id>", examples=("session QoYYFw2t9oKks2niG",))
async def session(context: Context) -> Reply:
    \"\"\"Show one of your sessions.

    Details, shown by `!help session`.
    \"\"\"
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from types import ModuleType
from typing import Final

from bot.errors import Call, NotConnectedError, UnknownCommandError
from bot.features.accounts.linking import AccountLinking
from bot.features.accounts.store import Accounts, ConnectedAccount
from bot.features.alerts.alerts import Alerts
from bot.features.confirmations import Confirmations
from bot.features.personal_data import PersonalData
from bot.features.reports.reports import Reports
from bot.features.reports.schedules import Schedules
from bot.features.sessions.sessions import Sessions
from bot.formatting.locale import UserLocale
from bot.models import Invocation, Message, Reply, Sender


@dataclass(frozen=True, slots=True)
class Context:
    """One call of a command: who called it, in which words, and the features it may use.

    ``room_id`` is the direct message where the reply is shown. ``account`` is the asker's, as it
    was when the question came; None where they are not connected. ``note_progress`` takes a
    sentence that tells how far the command is; they are told the latest every ten seconds.
    """

    invocation: Invocation
    room_id: str
    account: ConnectedAccount | None
    locale: UserLocale
    now: datetime
    note_progress: Callable[[str], None]
    commands: "CommandRegistry"
    accounts: Accounts
    linking: AccountLinking
    sessions: Sessions
    reports: Reports
    schedules: Schedules
    alerts: Alerts
    confirmations: Confirmations
    personal_data: PersonalData

    @property
    def asker(self) -> Sender:
        """The person who called the command."""
        return self.invocation.message.sender

    @property
    def words(self) -> str:
        """The words after the command's name."""
        return self.invocation.words

    @property
    def question(self) -> Message:
        """The message that called the command."""
        return self.invocation.message

    def require_account(self) -> ConnectedAccount:
        """Return the asker's account; raise NotConnectedError where there is none."""
        if self.account is None:
            raise NotConnectedError("To see your sessions I need your permission.")
        return self.account


Run = Callable[[Context], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its help: ``summary`` and ``details`` are from its docstring.

    Help lists commands by ``rank``, then by name.
    """

    name: str
    rank: int
    forms: tuple[str, ...]
    examples: tuple[str, ...]
    summary: str
    details: str
    run: Run


def command(
    *forms: str, examples: tuple[str, ...] = (), rank: int = 50
) -> Callable[[Run], Command]:
    """Make a Command of a function; its name is the first word of the first form."""

    def make(run: Run) -> Command:
        summary, _, details = (inspect.getdoc(run) or "").partition("\n\n")
        if not summary:
            message = f"command {forms[0]!r} has no docstring, which is its help text"
            raise TypeError(message)
        return Command(
            name=forms[0].partition(" ")[0],
            rank=rank,
            forms=forms,
            examples=examples,
            summary=" ".join(summary.split()),
            details="\n\n".join(" ".join(each.split()) for each in details.split("\n\n")),
            run=run,
        )

    return make


class CommandRegistry:
    """All commands by name, in the order in which help lists them."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        ranked = sorted(commands.values(), key=lambda each: (each.rank, each.name))
        self._commands: Final = {each.name: each for each in ranked}

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())

    def __contains__(self, name: str) -> bool:
        return name in self._commands

    def find(self, name: str) -> Command:
        """Return the command of that name; raise UnknownCommandError with the nearest names."""
        found = self._commands.get(name)
        if found is not None:
            return found
        near = [Call(each) for each in get_close_matches(name, self._commands, n=1, cutoff=0.6)]
        if near:
            raise UnknownCommandError(
                "There is no command {name}. Did you mean {nearest}?", name=name, nearest=near[0]
            )
        raise UnknownCommandError(
            "There is no command {name}. {help} lists all commands.", name=name, help=Call("help")
        )


def load_commands(package: ModuleType) -> CommandRegistry:
    """Find every Command in the modules of a package; raise TypeError where two share a name."""
    found: dict[str, Command] = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, Command):
                _add(each, found)
    return CommandRegistry(found)


def _add(new: Command, found: dict[str, Command]) -> None:
    if found.setdefault(new.name, new) is not new:
        message = f"two commands are called {new.name!r}"
        raise TypeError(message)
