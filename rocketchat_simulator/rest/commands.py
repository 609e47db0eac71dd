"""Slash commands: running, describing and listing them.

Source: ``app/api/server/v1/commands.ts``, 7.x and 8.x.
"""

from typing import Final

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.slash_commands import COMMANDS, run_command

_FIRST_WITH_WORDS: Final = (8, 4)


def _run(call: Call) -> Response | Document:
    name = str(call.body["command"]).lower()
    if name not in COMMANDS:
        return make_failure(400, "The command provided does not exist (or is disabled).")
    room = call.workspace.find_room(call.body["roomId"])
    if room is None or not room.is_readable_by(call.user):
        has_words = call.workspace.version.number >= _FIRST_WITH_WORDS
        words = "User does not have access to this room" if has_words else "unauthorized"
        return make_failure(403, words)
    thread_id = call.body.get("tmid")
    thread = call.workspace.messages.find(thread_id)
    if thread_id is not None and (thread is None or thread["rid"] != room.id):
        return make_failure(400, "Invalid thread.")
    text = str(call.body.get("params") or "")
    run_command(call.workspace, call.user, room, name, text, thread_id)
    return {}


def _get(call: Call) -> Response | Document:
    name = call.params.get("command", "")
    if name.lower() not in COMMANDS:
        return make_failure(400, f"There is no command in the system by the name of: {name}")
    return {"command": _format(name.lower())}


def _list(call: Call) -> Response | Document:
    offset, count = call.parse_page()
    names = sorted(COMMANDS)[offset : offset + count]
    page = {"offset": offset, "count": len(names), "total": len(COMMANDS)}
    is_typed = call.workspace.version.number >= _FIRST_WITH_WORDS
    loaded = {"appsLoaded": True} if is_typed else {}
    return {"commands": [_format(name) for name in names]} | page | loaded


def _format(name: str) -> Document:
    return {"command": name, "clientOnly": False, "providesPreview": False}


ROUTES: tuple[Route, ...] = (
    post("commands.run", _run),
    get("commands.get", _get),
    get("commands.list", _list),
)
