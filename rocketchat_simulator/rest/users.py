"""What is seen of accounts and their presence, and personal access tokens.

Source: ``app/api/server/v1/users.ts``, 6.x to 8.3; the refusals as seen on 8.3.
"""

from datetime import datetime
from typing import Final

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.profiles import (
    format_listed_user,
    format_presence,
    format_profile,
)
from rocketchat_simulator.rest.responses import (
    Response,
    make_failure,
    make_forbidden,
    make_unauthorized_action,
)
from rocketchat_simulator.rest.room_members import find_user
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User

_STATUSES: Final = frozenset({"online", "away", "offline", "busy"})
_NO_STATUS: Final = "Match error: Failed Match.OneOf, Match.Maybe or Match.Optional validation"
_FIRST_WITH_EARLY_CHECK: Final = (8, 0)
"""The first version that checks the permission for a list of tokens before the route runs."""


def _info(call: Call) -> Response | Document:
    user = _find(call)
    if user is None:
        return make_failure(400, "User not found.")
    shown = format_profile(user, call.user, call.workspace.version)
    wants_rooms = call.params.get("includeUserRooms") == "true"
    if wants_rooms and (user is call.user or call.user.may("view-other-user-channels")):
        shown["rooms"] = _list_rooms(call, user)
    return {"user": shown}


def _list_rooms(call: Call, user: User) -> list[Document]:
    fields = ("_id", "rid", "name", "t", "roles", "unread")
    rows = call.workspace.rooms.subscriptions_of(user)
    return [{key: row[key] for key in fields if key in row} for row in rows]


def _find(call: Call) -> User | None:
    people, named = call.workspace.people, call.params or call.body
    if "userId" in named:
        return people.find(str(named["userId"]))
    return people.find_by_name(str(named.get("username") or ""))


def _list(call: Call) -> Response | Document:
    offset, count = call.parse_page()
    users = sorted(call.workspace.users, key=lambda user: user.username)
    page = [format_listed_user(user, call.user) for user in users[offset : offset + count]]
    return {"users": page, "count": len(page), "offset": offset, "total": len(users)}


def _presence(call: Call) -> Response | Document:
    wanted = call.params.get("ids", "").split(",") if "ids" in call.params else None
    users = [
        format_presence(user)
        for user in call.workspace.users
        if (user.status != "offline" if wanted is None else user.id in wanted)
    ]
    return {"users": users, "full": wanted is None}


def _get_presence(call: Call) -> Response | Document:
    user = _find(call) or call.user
    mine = {"connectionStatus": "online" if user.connections else "offline"}
    return {"presence": user.status} | (mine if user is call.user else {})


def _set_status(call: Call) -> Response | Document:
    body, people = call.body, call.workspace.people
    if not (isinstance(body.get("message"), str) or isinstance(body.get("status"), str)):
        raise RefusedError(_NO_STATUS)
    user = _find_target(call)
    if user is None:
        return make_unauthorized_action()
    if "message" in body:
        user.status_text = str(body["message"])
    status = str(body.get("status") or user.status)
    if status not in _STATUSES:
        reason = "Valid status types include online, away, offline, and busy."
        raise RefusedError(reason, "error-invalid-status", {"method": "users.setStatus"})
    user.is_shown_offline = status == "offline"
    people.show_status(user, status)
    if call.workspace.version.is_before_7:
        # 6.5.3 tells it once for the text and once for the status, then without the text.
        people.tell_presence(user, text=None)
    user.updated_at = call.workspace.now()
    return {}


def _find_target(call: Call) -> User | None:
    """Return whose status is to change; None if the caller may not change it."""
    names = {key: call.body[key] for key in ("userId", "username", "user") if call.body.get(key)}
    is_own = not names or call.user.id in names.values() or call.user.username in names.values()
    if is_own:
        return call.user
    return find_user(call) if call.user.may("edit-other-user-info") else None


def _generate_token(call: Call) -> Response | Document:
    name = _parse_token_name(call, "generateToken")
    bypasses = bool(call.body.get("bypassTwoFactor"))
    make = call.workspace.make_personal_access_token
    return {"token": make(call.user, name, bypasses_two_factor=bypasses)}


def _regenerate_token(call: Call) -> Response | Document:
    name = _parse_token_name(call, "regenerateToken")
    call.workspace.remove_personal_access_token(call.user, name)
    return {"token": call.workspace.make_personal_access_token(call.user, name)}


def _remove_token(call: Call) -> Response | Document:
    call.workspace.remove_personal_access_token(call.user, _parse_token_name(call, "removeToken"))
    return {}


def _log_out_other_clients(call: Call) -> Response | Document:
    """End every login of the caller but the one that calls; the answer repeats its token.

    The recorded sessions get no ``logoutAt``. 6.5.3 takes the lifetime in days for seconds (seen).
    """
    if not call.token:
        raise RefusedError("x-auth-token is required", "error-parameter-required")
    call.workspace.people.revoke_other_logins(call.user, call.token)
    token = call.workspace.people.find_token(call.user, call.token)
    expires: datetime | str = ""
    if token and not token.name:
        lifetime = token.expires_at - token.made_at
        is_wrong = call.workspace.version.is_before_7
        expires = token.made_at + (lifetime / 86_400 if is_wrong else lifetime)
    return {"token": call.token, "tokenExpires": expires}


def _list_tokens(call: Call) -> Response | Document:
    if not call.user.may("create-personal-access-tokens"):
        if call.workspace.version.number >= _FIRST_WITH_EARLY_CHECK:
            return make_forbidden()
        raise RefusedError("Not Authorized", "not-authorized")
    tokens = [
        {
            "name": token.name,
            "createdAt": token.made_at,
            "lastTokenPart": token.last_part,
            "bypassTwoFactor": token.bypasses_two_factor,
        }
        for token in call.user.tokens.values()
        if token.name
    ]
    return {"tokens": tokens}


def _parse_token_name(call: Call, method: str) -> str:
    if not call.user.may("create-personal-access-tokens"):
        details = {"method": f"personalAccessTokens:{method}"}
        raise RefusedError("Not Authorized", "not-authorized", details)
    name = call.body.get("tokenName")
    if not isinstance(name, str) or not name:
        raise RefusedError("The 'tokenName' param is required")
    return name


ROUTES: tuple[Route, ...] = (
    get("users.info", _info),
    get("users.list", _list),
    get("users.presence", _presence),
    get("users.getPresence", _get_presence),
    post("users.setStatus", _set_status),
    post("users.generatePersonalAccessToken", _generate_token),
    post("users.regeneratePersonalAccessToken", _regenerate_token),
    post("users.removePersonalAccessToken", _remove_token),
    get("users.getPersonalAccessTokens", _list_tokens),
    post("users.logoutOtherClients", _log_out_other_clients),
)
