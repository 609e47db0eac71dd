"""Making, changing and deleting accounts, and tokens that administrators make for others.

Source: ``app/api/server/v1/users.ts`` and ``saveUser.ts``, 6.x to 8.3; creating and renaming as
seen on 6.5.3 and 8.3, the refusals as seen on 8.3.
"""

import re
from typing import Any, Final

from rocketchat_simulator.rest.call import Call, Route, post
from rocketchat_simulator.rest.profiles import format_changed_user, format_new_user
from rocketchat_simulator.rest.responses import (
    Response,
    make_failure,
    make_forbidden,
    make_unauthorized_action,
)
from rocketchat_simulator.rest.room_members import find_user
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError, make_not_allowed
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.people import make_field_in_use

_BLOCKED_NAMES: Final = frozenset({"all", "here", "admin", "administrator", "system", "user"})
"""``all``, ``here``, and the default of ``Accounts_SystemBlockedUsernameList``."""

_USERNAME: Final = re.compile(r"[0-9a-zA-Z-_.]+")
"""The default of the setting ``UTF8_User_Names_Validation``."""

_FIRST_WITH_SECRET: Final = (8, 0)


def _create(call: Call) -> Response | Document:
    if not call.user.may("create-user"):
        method = "insertOrUpdateUser"
        raise make_not_allowed("Adding user is not allowed", "Adding_user", method)
    body = call.body
    user = _add(call, str(body["password"]))
    user.has_email_code, user.has_verified_email = True, bool(body.get("verified"))
    user.bio, user.nickname = str(body.get("bio") or ""), str(body.get("nickname") or "")
    if body.get("active") is False:
        call.workspace.people.set_active(user, is_active=False)
    return {"user": format_new_user(user)}


def _add(call: Call, password: str) -> User:
    body = call.body
    name, email = str(body["username"]), str(body.get("email") or "")
    _check_username(name)
    if call.workspace.find_user_by_name(name):
        raise make_field_in_use(name, "username")
    _check_email(call, email)
    user = call.workspace.add_user(
        name,
        str(body.get("name") or ""),
        password=password,
        roles=tuple(body.get("roles") or ("user",)),
        email=email,
    )
    if body.get("joinDefaultChannels", True):
        call.workspace.join_default_channels(user)
    return user


def _check_username(name: str) -> None:
    if name.casefold() in _BLOCKED_NAMES:
        details = {"method": "checkUsernameAvailability", "field": name}
        reason = f"{name} is blocked and can't be used!"
        raise RefusedError(reason, "error-blocked-username", details)
    if not _USERNAME.fullmatch(name):
        details = {"method": "insertOrUpdateUser", "input": name, "field": "Username"}
        raise RefusedError(
            f"{name} is not a valid username", "error-input-is-not-a-valid-field", details
        )


def _check_email(call: Call, address: str, *, owner: User | None = None) -> None:
    if address and call.workspace.people.find_by_email(address) not in {None, owner}:
        raise make_field_in_use(address, "email")


def _register(call: Call) -> Response | Document:
    """Make one's own account; the server's form for it is public by default."""
    if call.caller is not None:
        return make_failure(400, "Logged in users can not register again.")
    name = str(call.body["username"])
    _check_username(name)
    if call.workspace.find_user_by_name(name):
        return make_failure(400, "Username is already in use")
    if call.workspace.settings["Accounts_RegistrationForm"] != "Public":
        details = {"method": "registerUser"}
        raise RefusedError(
            "User registration is disabled", "error-user-registration-disabled", details
        )
    return {"user": format_new_user(_add(call, str(call.body["pass"])))}


def _update(call: Call) -> Response | Document:
    if not call.user.may("edit-other-user-info"):
        method = "insertOrUpdateUser"
        raise make_not_allowed("Editing user is not allowed", "Editing_user", method)
    user = call.workspace.find_user(str(call.body.get("userId")))
    if user is None:
        raise RefusedError("Invalid user", "error-invalid-user")
    data = call.body.get("data")
    _change(call, user, data if isinstance(data, dict) else {})
    return {"user": format_changed_user(user, call.workspace.version)}


def _change(call: Call, user: User, data: Document) -> None:
    if email := data.get("email"):
        _check_email(call, str(email), owner=user)
        user.email = str(email)
    if (username := data.get("username")) and username != user.username:
        _check_username(str(username))
        call.workspace.rename(user, str(username))
    for field in ("name", "bio", "nickname"):
        if isinstance(data.get(field), str):
            setattr(user, field, data[field])
    if isinstance(data.get("statusText"), str):
        user.status_text = data["statusText"]
    if isinstance(data.get("roles"), list):
        user.roles = tuple(map(str, data["roles"]))
    if data.get("password"):
        call.workspace.people.change_password(user, str(data["password"]))
    if isinstance(data.get("active"), bool):
        call.workspace.people.set_active(user, is_active=data["active"])
    user.updated_at = call.workspace.now()


def _delete(call: Call) -> Response | Document:
    if not call.user.may("delete-user"):
        return _refuse(call)
    user, workspace = find_user(call), call.workspace
    if user.id == "rocket.cat":
        reason = "Deleting the rocket.cat user is not allowed"
        raise make_not_allowed(reason, "Delete_user", "deleteUser")
    owned = [room.name for room in workspace.rooms.of(user, "cp") if room.is_last_owner(user)]
    if owned and not call.body.get("confirmRelinquish"):
        details: Any = {"shouldChangeOwner": [], "shouldBeRemoved": owned}
        raise RefusedError("", "user-last-owner", details)
    workspace.delete_user(user)
    return {} if workspace.version.is_before_7 else {"deletedRooms": []}


def _set_active(call: Call) -> Response | Document:
    if not call.user.may("edit-other-user-active-status"):
        return _refuse(call)
    user = call.workspace.find_user(str(call.body.get("userId")))
    if user is None:
        return make_failure(400, "User not found")
    call.workspace.people.set_active(user, is_active=bool(call.body.get("activeStatus")))
    return {"user": {"_id": user.id, "active": user.is_active}}


def _refuse(call: Call) -> Response:
    """Make the 403 of a missing permission, which 8.x checks before the route runs."""
    is_late = call.workspace.version.number < _FIRST_WITH_SECRET
    return make_unauthorized_action() if is_late else make_forbidden()


def _create_token(call: Call) -> Response | Document:
    """Make a login token of a user, if the server was started with a secret for that."""
    workspace, user = call.workspace, find_user(call)
    is_other = user is not call.user and not call.user.may("user-generate-access-token")
    needs_secret = workspace.version.number >= _FIRST_WITH_SECRET
    is_known = not needs_secret or call.body.get("secret") == workspace.tokens_secret
    if is_other and needs_secret:
        return make_unauthorized_action()
    if workspace.tokens_secret is None or is_other or not is_known:
        details = None if needs_secret else {"method": "createToken"}
        raise RefusedError("Not authorized", "error-not-authorized", details)
    return {"data": {"userId": user.id, "authToken": workspace.make_login_token(user)}}


def _set_avatar(call: Call) -> Response | Document:
    """Set a picture from a form; one from an address is left out, for nothing is fetched here."""
    may_edit = call.user.may("edit-other-user-avatar")
    if not (call.workspace.settings["Accounts_AllowUserAvatarChange"] or may_edit):
        details = {"method": "users.setAvatar"}
        raise RefusedError("Change avatar is not allowed", "error-not-allowed", details)
    is_named = {"userId", "username", "user"}.intersection(call.body)
    user = find_user(call) if is_named else call.user
    if user is not call.user and not may_edit:
        return make_unauthorized_action()
    if call.body.get("avatarUrl"):
        return {}
    if call.file is None:
        return make_failure(400, "The 'image' param is required")
    user.avatar, user.updated_at = call.file, call.workspace.now()
    return {}


ROUTES: tuple[Route, ...] = (
    post("users.create", _create),
    Route("POST", "users.register", _register, is_open=True),
    post("users.update", _update),
    post("users.delete", _delete),
    post("users.setActiveStatus", _set_active),
    post("users.createToken", _create_token),
    post("users.setAvatar", _set_avatar),
)
