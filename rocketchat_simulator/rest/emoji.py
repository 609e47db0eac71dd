"""The lists of custom emoji: a new workspace has none, and here none can be added.

Source: ``app/api/server/v1/emoji-custom.ts``, 6.x to 8.x.
"""

from rocketchat_simulator.rest.call import Call, Route, get
from rocketchat_simulator.rest.responses import Response
from rocketchat_simulator.workspace.documents import Document


def _list(call: Call) -> Response | Document:
    call.parse_date("updatedSince", kind="error-roomId-param-invalid")
    return {"emojis": {"update": [], "remove": []}}


def _list_all(call: Call) -> Response | Document:
    offset, _ = call.parse_page()
    return {"emojis": [], "count": 0, "offset": offset, "total": 0}


ROUTES: tuple[Route, ...] = (get("emoji-custom.list", _list), get("emoji-custom.all", _list_all))
