"""Users, login, roles, settings: differences from a real 8.3, and routes that were missing."""

from typing import Final

import pytest

from tests.simulator.differences import ABSENT
from tests.simulator.rooms_scene import ANY, row, walk
from tests.support.rest_caller import EVERY_VERSION

D: Final = "page of differences, D"
A8: Final = "page of differences, A.8"
SOURCE: Final = "users.ts"
FORBIDDEN: Final = (
    "User does not have the permissions required for this action [error-unauthorized]"
)
ACCOUNT: Final = {
    "username": "{new}",
    "name": "New",
    "email": "{new}@example.test",
    "password": "secret",
}
REGISTERED: Final = {"username": "{new}", "email": "{new}@example.test", "pass": "secret"}

LOGIN: Final = (
    row(
        "a login with the name in an object",
        D,
        "POST login",
        {"user": {"username": "alice"}, "password": "wonderland"},
        by="nobody",
        answer={"status": "success", "data": {"userId": "{alice_id}"}},
    ),
    row(
        "a login with the address in an object",
        D,
        "POST login",
        {"user": {"email": "alice@example.test"}, "password": "wonderland"},
        by="nobody",
        answer={"status": "success"},
    ),
    row(
        "info for administrators", D, "GET /api/info", by="admin", answer={"info": {"version": ANY}}
    ),
    row("info for others", D, "GET /api/info", answer={"info": ABSENT}),
    row(
        "the workspace's id in the cloud",
        D,
        "GET /api/info",
        by="nobody",
        answer={"cloudWorkspaceId": ANY},
        since="8.3",
    ),
    row("options", D, "OPTIONS chat.postMessage", by="nobody", answer=""),
)

TOKENS: Final = (
    row(
        "tokens of a bot without the role user",
        D,
        "GET users.getPersonalAccessTokens",
        by="plain",
        status=403,
        answer={"error": FORBIDDEN},
        since="8.3",
    ),
    row(
        "the same before",
        "users.ts, 6.x and 7.x",
        "GET users.getPersonalAccessTokens",
        by="plain",
        status=400,
        answer={"error": "Not Authorized [not-authorized]", "errorType": "not-authorized"},
        until="8.0",
    ),
    row(
        "a token for somebody, without the secret",
        "createToken.ts",
        "POST users.createToken",
        {"userId": "{bob_id}", "secret": "guessed"},
        by="admin",
        status=400,
        answer={"error": "Not authorized [error-not-authorized]"},
    ),
)

STATUS: Final = (
    row(
        "an account is deactivated by a bot",
        D,
        "POST users.setActiveStatus",
        {"userId": "{bob_id}", "activeStatus": False},
        by="plain",
        status=403,
        answer={"error": FORBIDDEN},
        since="8.3",
    ),
    row(
        "an unknown account is deactivated",
        D,
        "POST users.setActiveStatus",
        {"userId": "unknown", "activeStatus": False},
        by="admin",
        status=400,
        answer={"error": "User not found", "errorType": ABSENT},
    ),
    row(
        "a status that there is not",
        D,
        "POST users.setStatus",
        {"status": "invalid"},
        status=400,
        answer={"errorType": "error-invalid-status"},
    ),
    row(
        "no status",
        D,
        "POST users.setStatus",
        status=400,
        answer={
            "error": "Match error: Failed Match.OneOf, Match.Maybe or Match.Optional validation"
        },
    ),
    row(
        "the status of somebody else",
        A8,
        "POST users.setStatus",
        {"userId": "{bob_id}", "status": "busy", "message": ""},
        status=403,
        answer={"error": "unauthorized"},
    ),
)

ACCOUNTS: Final = (
    row(
        "a reserved name",
        D,
        "POST users.create",
        ACCOUNT | {"username": "system"},
        by="admin",
        status=400,
        answer={
            "error": "system is blocked and can't be used! [error-blocked-username]",
            "errorType": "error-blocked-username",
        },
    ),
    row(
        "an address that is taken",
        D,
        "POST users.create",
        ACCOUNT | {"email": "bob@example.test"},
        by="admin",
        status=400,
        answer={"errorType": "error-field-unavailable"},
    ),
    row(
        "an account that is not active",
        D,
        "POST users.create",
        ACCOUNT | {"active": False, "bio": "About", "nickname": "Nick"},
        by="admin",
        answer={"user": {"active": False, "bio": "About", "nickname": "Nick"}},
    ),
    row(
        "an account without an address",
        "page of differences, A.9",
        "POST users.create",
        {"username": "{new}", "name": "New", "password": "secret"},
        by="admin",
        status=400,
        answer={"error": "must have required property 'email' [invalid-params]"},
        until="8.8",
    ),
    row(
        "one registers",
        SOURCE,
        "POST users.register",
        REGISTERED,
        by="nobody",
        answer={"user": {"username": "{new}", "roles": ["user"]}},
    ),
    row(
        "one registers twice",
        SOURCE,
        "POST users.register",
        REGISTERED | {"username": "bob"},
        by="nobody",
        status=400,
        answer={"error": "Username is already in use"},
    ),
    row(
        "one registers while logged in",
        SOURCE,
        "POST users.register",
        REGISTERED,
        status=400,
        answer={"error": "Logged in users can not register again."},
    ),
    row(
        "an account is changed",
        SOURCE,
        "POST users.update",
        {"userId": "{bob_id}", "data": {"name": "Bob Beispiel", "statusText": "away"}},
        by="admin",
        answer={"user": {"name": "Bob Beispiel"}},
    ),
    row(
        "a member deletes an account",
        SOURCE,
        "POST users.delete",
        {"userId": "{bob_id}"},
        status=403,
    ),
    row(
        "an account is deleted that owns rooms alone",
        "deleteUser.ts",
        "POST users.delete",
        {"userId": "{alice_id}"},
        by="admin",
        status=400,
        answer={"errorType": "user-last-owner"},
    ),
    row(
        "an avatar without a picture",
        SOURCE,
        "POST users.setAvatar",
        status=400,
        answer={"error": "The 'image' param is required"},
    ),
)

READING: Final = (
    row(
        "oneself",
        D,
        "GET users.info",
        {"userId": "{alice_id}"},
        answer={"user": {"services": ANY, "rooms": ABSENT}},
    ),
    row(
        "somebody else",
        D,
        "GET users.info",
        {"userId": "{bob_id}"},
        answer={"user": {"services": ABSENT}},
    ),
    row(
        "one's rooms",
        D,
        "GET users.info",
        {"userId": "{alice_id}", "includeUserRooms": "true"},
        answer={"user": {"rooms": ANY}},
        since="7.7",
    ),
    row(
        "nobody",
        D,
        "GET users.info",
        status=400,
        answer={"errorType": "invalid-params"},
        until="8.8",
    ),
    row(
        "the list for administrators",
        D,
        "GET users.list",
        {"count": "1"},
        by="admin",
        answer={"users": [{"emails": ANY, "roles": ANY}]},
    ),
    row(
        "the list for others",
        D,
        "GET users.list",
        {"count": "1"},
        answer={"users": [{"emails": ABSENT, "roles": ABSENT}]},
    ),
)

ROLES: Final = (
    row(
        "who are the administrators",
        "roles.ts",
        "GET roles.getUsersInRole",
        {"role": "admin"},
        by="admin",
        answer={"users": [{"username": "root"}], "total": 1},
    ),
    row(
        "a member asks",
        "roles.ts",
        "GET roles.getUsersInRole",
        {"role": "admin"},
        status=403,
        answer={"error": FORBIDDEN},
    ),
    row(
        "a role that there is not",
        "roles.ts",
        "GET roles.getUsersInRole",
        {"role": "nobodys"},
        by="admin",
        status=400,
        answer={"errorType": "error-invalid-roleId"},
    ),
    row(
        "an unknown permission",
        "permissions.ts",
        "POST permissions.update",
        {"permissions": [{"_id": "no-such-permission", "roles": ["admin"]}]},
        by="admin",
        status=400,
        answer={"error": "Invalid permission", "errorType": "error-invalid-permission"},
    ),
    row(
        "an unknown role",
        "permissions.ts",
        "POST permissions.update",
        {"permissions": [{"_id": "view-logs", "roles": ["no-such-role"]}]},
        by="admin",
        status=400,
        answer={"error": "Invalid role", "errorType": "error-invalid-role"},
    ),
)

SETTINGS: Final = (
    row(
        "a setting for administrators",
        "settings.ts",
        "GET settings/Language",
        by="admin",
        answer={"_id": "Language", "value": ""},
    ),
    row(
        "a setting for others",
        "recording unlicensed-8.3",
        "GET settings/API_Enable_Rate_Limiter",
        status=403,
        answer={"error": FORBIDDEN},
        since="8.3",
    ),
    row(
        "an unknown setting",
        "settings.ts",
        "GET settings/No_Such_Setting",
        by="admin",
        status=400,
        answer={"success": False},
    ),
    row(
        "a setting is changed",
        "settings.ts",
        "POST settings/Site_Name",
        {"value": "Ours"},
        by="admin",
        answer={"success": True},
    ),
)

ROWS: Final = (*LOGIN, *TOKENS, *STATUS, *ACCOUNTS, *READING, *ROLES, *SETTINGS)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_users_and_settings_answer_as_on_a_real_server(version: str) -> None:
    problems = await walk(ROWS, version)

    assert not problems, "\n".join(problems)
