"""Device management: the caller's own sessions, and all sessions for administrators."""

import json
from collections.abc import Iterable
from typing import Any, Final

from rocketchat_simulator.rest.call import Call, Route, RouteFunction
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document, hash_token
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User

_SORT_KEYS: Final = frozenset(
    {
        "loginAt",
        "device.name",
        "device.os.name",
        "device.os.version",
        "_user.name",
        "_user.username",
    }
)
_LISTED_FIELDS: Final = ("device", "host", "ip", "loginAt", "sessionId", "userId")
_INFO_FIELDS_8_8: Final = (
    "_id",
    "sessionId",
    "device",
    "host",
    "ip",
    "loginAt",
    "logoutAt",
    "userId",
)
_ADMIN_PERMISSIONS: Final = {
    "list.all": "view-device-management",
    "info.admin": "view-device-management",
    "logout": "logout-device-management",
}


def _list(call: Call) -> Document:
    return _make_page(call, call.workspace.sessions.rows_of(call.user))


def _list_all(call: Call) -> Document:
    return _make_page(call, None)


def _make_page(call: Call, rows: list[Document] | None) -> Document:
    """Return one page of these rows, or for None of all rows with their users."""
    offset, count = call.parse_page()
    found = call.workspace.sessions.list(rows, filter=call.params.get("filter", ""))
    items = [_format_listed(call, row) for row in found[offset : offset + count]]
    if rows is None:
        items = [item | _format_owner(call, item) for item in items]
    page = {"total": len(found), "count": count, "offset": offset}
    return {"sessions": _sort(items, call.params.get("sort"))} | page


def _format_listed(call: Call, row: Document) -> Document:
    # The database groups the rows by token; missing fields become null.
    shown: Document = {"_id": row["sessionId"]} | {key: row.get(key) for key in _LISTED_FIELDS}
    if call.workspace.version.marks_current_session:
        is_current = bool(call.token) and hash_token(call.token) == row["loginToken"]
        shown["current"] = is_current
    return shown


def _format_owner(call: Call, item: Document) -> Document:
    user = call.workspace.find_user(item["userId"])
    return {"_user": {"name": user.name, "username": user.username}} if user else {}


def _sort(items: list[Document], order: str | None) -> list[Document]:
    """Sort within the page, as the server does; raise RefusedError for unknown keys."""
    if not order:
        return items
    try:
        keys: Any = json.loads(order)
    except ValueError as error:
        raise RefusedError("Invalid sort parameter", "error-invalid-sort") from error
    if not isinstance(keys, dict) or not _SORT_KEYS.issuperset(keys):
        raise RefusedError("error-invalid-sort-keys")
    for key, direction in reversed(keys.items()):
        items = sorted(
            items, key=lambda item: _read_path(item, key.split(".")), reverse=direction == -1
        )
    return items


def _read_path(item: Any, path: Iterable[str]) -> str:  # noqa: ANN401 - a document or what is in it
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return "" if item is None else str(item)


def _info(call: Call) -> Response | Document:
    row = call.workspace.sessions.find(call.params["sessionId"], owner=call.user)
    if row is None:
        return make_failure(404, "Session not found")
    if call.workspace.version.hides_session_secrets:
        return {key: row[key] for key in _INFO_FIELDS_8_8 if key in row}
    return dict(row)


def _info_admin(call: Call) -> Response | Document:
    """Find a session as the filter of the list does, not by its id only, like the server."""
    found = call.workspace.sessions.list(filter=call.params["sessionId"])
    if not found:
        return make_failure(404, "Session not found")
    item = _format_listed(call, found[0])
    return item | _format_owner(call, item)


def _logout_me(call: Call) -> Response | Document:
    return _logout(call, owner=call.user)


def _logout_any(call: Call) -> Response | Document:
    return _logout(call, owner=None)


def _logout(call: Call, owner: User | None) -> Response | Document:
    session_id = call.body["sessionId"]
    if not call.workspace.sessions.logout(session_id, owner=owner, by=call.user):
        return make_failure(404, "Session not found")
    return {"sessionId": session_id}


def _make_route(method: str, name: str, run: RouteFunction) -> Route:
    permission = _ADMIN_PERMISSIONS.get(name, "")
    return Route(
        method,
        f"sessions/{name}",
        run,
        needs_licence=True,
        permission=permission,
        needs_second_factor=bool(permission),
    )


ROUTES = (
    _make_route("GET", "list", _list),
    _make_route("GET", "info", _info),
    _make_route("POST", "logout.me", _logout_me),
    _make_route("GET", "list.all", _list_all),
    _make_route("GET", "info.admin", _info_admin),
    _make_route("POST", "logout", _logout_any),
)
