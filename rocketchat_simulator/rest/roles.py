"""The roles of the workspace, who has them, and what they may do.

Source: ``app/api/server/v1/roles.ts`` and ``permissions.ts``, 6.x to 8.3.
"""

from rocketchat_simulator.rest.call import Call, Route, get
from rocketchat_simulator.rest.profiles import format_emails
from rocketchat_simulator.rest.responses import Response, make_failure
from rocketchat_simulator.workspace.documents import Document
from rocketchat_simulator.workspace.errors import RefusedError
from rocketchat_simulator.workspace.models import User
from rocketchat_simulator.workspace.permissions import ROLES


def _list(_call: Call) -> Document:
    return {"roles": [_format_role(role) for role in ROLES]}


def _format_role(role: str) -> Document:
    shown: Document = {"_id": role, "name": role, "scope": ROLES[role], "description": ""}
    return shown | {"mandatory2fa": False, "protected": True}


def _list_users(call: Call) -> Document:
    role = call.params.get("role")
    if not role:
        raise RefusedError('Query param "role" is required', "error-param-not-provided")
    if role not in ROLES:
        raise RefusedError("", "error-invalid-roleId")
    users = sorted(_find_users(call, role), key=lambda user: user.username)
    offset, count = call.parse_page()
    page = [_format_user(user) for user in users[offset : offset + count]]
    return {"users": page, "total": len(users)}


def _find_users(call: Call, role: str) -> list[User]:
    """Return who has a role everywhere, or for a role of rooms who has it in ``roomId``."""
    room = call.workspace.find_room(call.params.get("roomId"))
    if ROLES[role] == "Users":
        return [user for user in call.workspace.users if role in user.roles]
    return [user for user in call.workspace.users if room and role in room.roles_of(user)]


def _format_user(user: User) -> Document:
    shown: Document = {"_id": user.id, "username": user.username, "name": user.name}
    shown |= {"emails": format_emails(user), "createdAt": user.created_at}
    return shown | {"_updatedAt": user.updated_at}


def _add_user(call: Call) -> Response | Document:
    role, user = _find_role_and_user(call)
    if role in user.roles:
        raise RefusedError("User already in role", "error-user-already-in-role")
    user.roles = (*user.roles, role)
    return {"role": _format_role(role)}


def _remove_user(call: Call) -> Response | Document:
    role, user = _find_role_and_user(call)
    if role not in user.roles:
        raise RefusedError("User is not in this role", "error-user-not-in-role")
    admins = [other for other in call.workspace.users if "admin" in other.roles]
    if role == "admin" and admins == [user]:
        raise RefusedError("You need to have at least one admin", "error-admin-required")
    user.roles = tuple(each for each in user.roles if each != role)
    return {"role": _format_role(role)}


def _find_role_and_user(call: Call) -> tuple[str, User]:
    role = str(call.body.get("roleId") or call.body.get("roleName") or "")
    user = call.workspace.find_user_by_name(str(call.body.get("username") or ""))
    if user is None:
        raise RefusedError("There is no user with this username", "error-invalid-user")
    if role not in ROLES:
        raise RefusedError("This role does not exist", "error-invalid-roleId")
    return role, user


def _list_permissions(call: Call) -> Document:
    return {"update": call.workspace.permissions.list(), "remove": []}


def _update_permissions(call: Call) -> Response | Document:
    """Set the roles that have each permission; an unknown permission changes nothing at all."""
    wanted, permissions = call.body.get("permissions"), call.workspace.permissions
    if not isinstance(wanted, list) or not all(map(_is_permission, wanted)):
        return make_failure(400, "Invalid body params", "error-invalid-body-params")
    if not all(each["_id"] in permissions for each in wanted):
        return make_failure(400, "Invalid permission", "error-invalid-permission")
    if not all(role in ROLES for each in wanted for role in each["roles"]):
        return make_failure(400, "Invalid role", "error-invalid-role")
    for each in wanted:
        permissions.set_roles(each["_id"], each["roles"])
    return {"permissions": permissions.list()}


def _is_permission(given: object) -> bool:
    match given:
        case {"_id": str(), "roles": list() as roles}:
            return all(isinstance(role, str) for role in roles)
    return False


_ACCESS = "access-permissions"

ROUTES = (
    get("roles.list", _list),
    Route("GET", "roles.getUsersInRole", _list_users, permission=_ACCESS),
    Route("POST", "roles.addUserToRole", _add_user, permission="assign-roles"),
    Route("POST", "roles.removeUserFromRole", _remove_user, permission=_ACCESS),
    get("permissions.listAll", _list_permissions),
    Route("POST", "permissions.update", _update_permissions, permission=_ACCESS),
)
