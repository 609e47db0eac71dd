"""The settings of the workspace: the public ones for everybody, each one for administrators.

Source: ``app/api/server/v1/settings.ts``, 6.x to 8.3; the refusal of a plain user as seen on 8.3.
``_id`` filters the list from 7.0 on, ``query`` before (developer.rocket.chat, "Get Public
Settings"; the mobile client's ``getSettings``). There is no recording of that. The parameter of the
other versions does nothing here: the answer is the first page by name, which has no ``Language``.
The second factor that a change needs is taken as switched off.
"""

import json
from typing import Final

from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.responses import Response, make_forbidden, make_unauthorized_action
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError

_FIRST_PAGE: Final = {"API_Apply_permission_view-outside-room_on_users-list"}


def _list_public(call: Call) -> Document:
    wanted = _parse_ids(call) or _FIRST_PAGE
    found = [row for row in call.workspace.settings.list_public() if row["_id"] in wanted]
    return {"settings": found, "count": len(found), "offset": 0, "total": len(found)}


def _parse_ids(call: Call) -> set[str]:
    if not call.workspace.version.is_before_7:
        return set(filter(None, call.params.get("_id", "").split(",")))
    try:
        query = json.loads(call.params.get("query", "{}"))
    except ValueError as error:
        raise RefusedError("Invalid query parameter provided", "error-invalid-query") from error
    return {str(query["_id"])} if isinstance(query, dict) and "_id" in query else set()


def _get(call: Call) -> Response | Document:
    if not call.user.may("view-privileged-setting"):
        return _refuse(call)
    name, settings = call.path[0], call.workspace.settings
    if name not in settings:
        return Response(400, {"success": False})
    return {"_id": name, "value": settings[name]}


def _set(call: Call) -> Response | Document:
    if not call.user.may("edit-privileged-setting"):
        return _refuse(call)
    name, settings = call.path[0], call.workspace.settings
    if name not in settings or "value" not in call.body:
        return Response(400, {"success": False})
    settings[name] = call.body["value"]
    return {}


def _refuse(call: Call) -> Response:
    is_plain = call.workspace.version.number < (7, 0)
    return make_unauthorized_action() if is_plain else make_forbidden()


ROUTES = (
    Route("GET", "settings.public", _list_public, is_open=True),
    Route("GET", "settings/:_id", _get),
    Route("POST", "settings/:_id", _set),
)
