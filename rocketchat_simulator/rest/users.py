"""Accounts, presence, and personal access tokens."""

from datetime import datetime

from rocketchat_simulator.rest.call import Call, Route, get, post
from rocketchat_simulator.rest.profiles import (
    format_changed_user,
    format_new_user,
    format_presence,
    format_profile,
    format_user,
)
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.models import User


def _info(call: Call) -> Response | Document:
    user = _find(call)
    if user is None:
        return make_failure(400, "User not found.")
    return {"user": format_profile(user, call.user)}


def _find(call: Call) -> User | None:
    people, named = call.workspace.people, call.params or call.body
    if "userId" in named:
        return people.find(str(named["userId"]))
    return people.find_by_name(str(named.get("username") or ""))


def _create(call: Call) -> Response | Document:
    if not call.user.may("create-user"):
        method = "insertOrUpdateUser"
        raise make_not_allowed("Adding user is not allowed", "Adding_user", method)
    body = call.body
    user = call.workspace.add_user(
        str(body["username"]),
        str(body.get("name") or ""),
        password=str(body["password"]),
        roles=tuple(body.get("roles") or ("user",)),
        email=str(body.get("email") or ""),
    )
    user.has_email_code, user.has_verified_email = True, bool(body.get("verified"))
    if body.get("joinDefaultChannels", True):
        call.workspace.join_default_channels(user)
    return {"user": format_new_user(user)}


def _update(call: Call) -> Response | Document:
    if not call.user.may("edit-other-user-info"):
        method = "insertOrUpdateUser"
        raise make_not_allowed("Editing user is not allowed", "Editing_user", method)
    user = call.workspace.find_user(str(call.body.get("userId")))
    if user is None:
        raise RefusedError("Invalid user", "error-invalid-user")
    data = call.body.get("data")
    if isinstance(data, dict) and data.get("username"):
        call.workspace.rename(user, str(data["username"]))
    return {"user": format_changed_user(user, call.workspace.version)}


def _set_active(call: Call) -> Response | Document:
    if not call.user.may("edit-other-user-active-status"):
        return make_failure(403, "unauthorized")
    user = call.workspace.find_user(str(call.body.get("userId")))
    if user is None:
        raise RefusedError("Invalid user", "error-invalid-user")
    call.workspace.people.set_active(user, is_active=bool(call.body.get("activeStatus")))
    return {"user": {"_id": user.id, "active": user.is_active}}


def _list(call: Call) -> Response | Document:
    offset, count = call.parse_page()
    users = sorted(call.workspace.users, key=lambda user: user.username)
    page = [
        format_user(user)
        | {"active": user.is_active, "type": user.type}
        | {"nameInsensitive": user.name.casefold()}
        for user in users[offset : offset + count]
    ]
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
    if call.body.get("userId") not in {None, call.user.id}:
        return make_failure(403, "unauthorized")
    people = call.workspace.people
    if "message" in call.body:
        call.user.status_text = str(call.body["message"])
    status = str(call.body.get("status") or call.user.status)
    call.user.is_shown_offline = status == "offline"
    people.show_status(call.user, status)
    if call.workspace.version.is_before_7:
        # 6.5.3 tells it once for the text and once for the status, then without the text.
        people.tell_presence(call.user, text=None)
    call.user.updated_at = call.workspace.now()
    return {}


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
    post("users.create", _create),
    post("users.update", _update),
    post("users.setActiveStatus", _set_active),
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
