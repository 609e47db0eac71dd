"""The parameters of the routes about users, roles and permissions.

Source: ``packages/rest-typings/src/v1/users`` and ``app/api/server/v1/permissions.ts``, 6.x to 8.x.
"""

from typing import Final

from rocketchat_simulator.rest.json_schema import (
    BOOLEAN,
    OBJECT,
    STRING,
    Schema,
    an_array,
    an_object,
    an_open_object,
    one_of,
    or_null,
)
from rocketchat_simulator.rest.schemas.checks import JsonSchema, Table

_TEXT: Final = or_null(STRING)
_FLAG: Final = or_null(BOOLEAN)
_FIRST_WITH_SECRET: Final = (8, 0)
_FIRST_TYPED_PERMISSIONS: Final = (8, 0)


def _info_by(name: str) -> Schema:
    return an_object(name, **{name: STRING}, includeUserRooms=STRING, fields=_TEXT)


def _token_of(name: str) -> Schema:
    return an_object(name, "secret", **{name: STRING}, secret=STRING)


_ACCOUNT: Final = an_object(
    "email",
    "name",
    "password",
    "username",
    email=STRING,
    name=STRING,
    password=STRING,
    username=STRING,
    active=_FLAG,
    bio=_TEXT,
    nickname=_TEXT,
    statusText=_TEXT,
    roles=or_null(an_array(STRING)),
    joinDefaultChannels=_FLAG,
    requirePasswordChange=_FLAG,
    setRandomPassword=_FLAG,
    sendWelcomeEmail=_FLAG,
    verified=_FLAG,
    customFields=or_null(OBJECT),
    fields=_TEXT,
)
_CHANGES: Final = an_open_object(
    email=_TEXT,
    name=_TEXT,
    password=_TEXT,
    username=_TEXT,
    bio=_TEXT,
    nickname=_TEXT,
    statusText=_TEXT,
    active=_FLAG,
    roles=or_null(an_array(STRING)),
)
_PERMISSION: Final = an_object("_id", "roles", _id=STRING, roles=an_array(STRING))

TABLE: Final[Table] = {
    "GET users.info": (
        JsonSchema(one_of(_info_by("userId"), _info_by("username"), _info_by("importId"))),
    ),
    "POST users.create": (JsonSchema(_ACCOUNT),),
    "POST users.register": (
        JsonSchema(
            an_object(
                "username",
                "email",
                "pass",
                username=STRING,
                name=_TEXT,
                email=STRING,
                secret=_TEXT,
                reason=_TEXT,
                customFields=or_null(OBJECT),
                **{"pass": STRING},
            )
        ),
    ),
    "POST users.update": (
        JsonSchema(
            an_object("userId", "data", userId=STRING, data=_CHANGES, confirmRelinquish=_FLAG)
        ),
    ),
    "POST users.setActiveStatus": (
        JsonSchema(
            an_object(
                "userId",
                "activeStatus",
                userId=STRING,
                activeStatus=BOOLEAN,
                confirmRelinquish=_FLAG,
            )
        ),
    ),
    "POST users.createToken": (
        JsonSchema(
            one_of(_token_of("userId"), _token_of("username")),
            since=_FIRST_WITH_SECRET,
        ),
    ),
    "POST permissions.update": (
        JsonSchema(
            an_object("permissions", permissions=an_array(_PERMISSION)),
            since=_FIRST_TYPED_PERMISSIONS,
        ),
    ),
}
