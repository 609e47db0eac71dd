"""``method.call``: the realtime API's methods over REST.

Source: ``app/api/server/v1/misc.ts``, 6.x, and ``server/api/v1/misc.ts``, 8.x; one call as seen on
6.5.3.
"""

import json
from typing import Any, Final

from rocketchat_simulator.methods import call_method, has_method
from rocketchat_simulator.rest.call import Call, Route
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document, parse_ejson, render_ejson
from rocketchat_simulator.workspace.errors import RefusedError, format_meteor_error

_FIRST_WITH_FAILURE: Final = (8, 4)
"""From here on errors have the status 400; the first such version is not known exactly."""


def _call(call: Call) -> Response | Document:
    called = _parse(call.body["message"])
    if called is None:
        return make_failure(400, "Invalid method call")
    answer = {"msg": "result", "id": called.get("id")}
    try:
        result = _run(call, str(called["method"]), called["params"])
    except RefusedError as error:
        has_kind = bool(error.kind)
        shown = format_meteor_error(error.kind, error.reason, error.details) if has_kind else {}
        body = {"message": _render(answer | {"error": shown})}
        is_failure = call.workspace.version.number >= _FIRST_WITH_FAILURE
        return Response(400, {"success": False} | body) if is_failure else body
    return {"message": _render(answer | ({} if result is None else {"result": result}))}


def _run(call: Call, name: str, params: list[Any]) -> object:
    if not has_method(name, call.workspace.version):
        raise RefusedError(f"Method '{name}' not found", "404")
    return call_method(call.workspace, call.user, name, parse_ejson(params))


def _parse(message: str) -> Document | None:
    try:
        called = json.loads(message)
    except ValueError:
        return None
    is_call = isinstance(called, dict) and isinstance(called.get("params"), list)
    return called if is_call and isinstance(called.get("method"), str) else None


def _render(answer: Document) -> str:
    return json.dumps(render_ejson(answer), ensure_ascii=False, separators=(",", ":"))


ROUTES: tuple[Route, ...] = (Route("POST", "method.call/:method", _call, is_limited=False),)
