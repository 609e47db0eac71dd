"""Public settings, as far as clients of the simulator ask for them.

``_id`` filters from 7.0 on, ``query`` before (developer.rocket.chat, "Get Public Settings"; the
mobile client's ``getSettings``). There is no recording. The parameter of the other versions does
nothing here: the answer is the first page by name, which has no ``Language``.
"""

import json
from typing import Final

from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError

_FIRST_PAGE: Final = {"API_Apply_permission_view-outside-room_on_users-list": False}


def _list_public(call: Call) -> Document:
    settings = _FIRST_PAGE | {"Language": call.workspace.language}
    wanted = _parse_ids(call) or _FIRST_PAGE.keys()
    found = [{"_id": name, "value": settings[name]} for name in settings if name in wanted]
    return {"settings": found, "count": len(found), "offset": 0, "total": len(found)}


def _parse_ids(call: Call) -> set[str]:
    if not call.workspace.version.is_before_7:
        return set(filter(None, call.params.get("_id", "").split(",")))
    try:
        query = json.loads(call.params.get("query", "{}"))
    except ValueError as error:
        raise RefusedError("Invalid query parameter provided", "error-invalid-query") from error
    return {str(query["_id"])} if isinstance(query, dict) and "_id" in query else set()


ROUTES = (Route("GET", "settings.public", _list_public, is_open=True),)
