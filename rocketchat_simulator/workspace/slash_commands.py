"""Slash commands of the server, as far as they only write or change the room."""

from collections.abc import Callable, Mapping
from typing import Final

from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.models import Room, User
from rocketchat_simulator.workspace.workspace import Workspace

_Run = Callable[[Workspace, User, Room, str, str | None], None]


def _write(template: str) -> _Run:
    """Make a command that sends its text in this template."""

    def run(workspace: Workspace, user: User, room: Room, text: str, thread_id: str | None) -> None:
        message: Document = {"rid": room.id, "msg": template.format(text).strip()}
        message |= {"tmid": thread_id} if thread_id else {}
        workspace.send_message(user, message)

    return run


def _leave(workspace: Workspace, user: User, room: Room, _text: str, _thread: str | None) -> None:
    workspace.remove(user, user, room)


def _join(workspace: Workspace, user: User, _room: Room, text: str, _thread: str | None) -> None:
    room = workspace.rooms.find_by_name(text.strip().removeprefix("#"))
    if room is not None and room.type == "c":
        workspace.join(user, room)


COMMANDS: Final[Mapping[str, _Run]] = {
    "gimme": _write("༼ つ ◕_◕ ༽つ {}"),
    "lennyface": _write("{} ( ͡° ͜ʖ ͡°)"),
    "me": _write("_{}_"),
    "shrug": _write(r"{} ¯\_(ツ)_/¯"),
    "tableflip": _write("{} (╯°□°\N{FULLWIDTH RIGHT PARENTHESIS}╯︵ ┻━┻"),
    "unflip": _write("{} ┬─┬ \N{KATAKANA LETTER NO}( ゜-゜\N{KATAKANA LETTER NO})"),
    "join": _join,
    "leave": _leave,
    "part": _leave,
}


def run_command(
    workspace: Workspace, user: User, room: Room, name: str, text: str, thread_id: str | None
) -> None:
    """Run one of ``COMMANDS`` as a user in a room, in a thread of it or not."""
    COMMANDS[name](workspace, user, room, text, thread_id)
