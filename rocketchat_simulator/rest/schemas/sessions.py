"""The parameters of device management and of OAuth applications.

Source: ``packages/rest-typings/src/v1/sessions.ts`` and ``v1/oauthapps.ts``, 6.x to 8.x.
"""

from typing import Final

from rocketchat_simulator.rest.json_schema import (
    BOOLEAN,
    NUMBER,
    STRING,
    an_object,
    an_open_object,
    or_null,
)
from rocketchat_simulator.rest.schemas.checks import JsonSchema, Table

_SESSION: Final = (JsonSchema(an_object("sessionId", sessionId=STRING)),)
_LIST: Final = (
    JsonSchema(
        an_object(
            count=or_null(NUMBER),
            offset=or_null(NUMBER),
            sort=or_null(STRING),
            filter=or_null(STRING),
        )
    ),
)
_APP: Final = {"name": STRING, "active": BOOLEAN, "redirectUri": STRING}

TABLE: Final[Table] = {
    "GET sessions/list": _LIST,
    "GET sessions/list.all": _LIST,
    "GET sessions/info": _SESSION,
    "GET sessions/info.admin": _SESSION,
    "POST sessions/logout.me": _SESSION,
    "POST sessions/logout": _SESSION,
    "POST oauth-apps.create": (JsonSchema(an_object(*_APP, **_APP)),),
    "POST oauth-apps.update": (JsonSchema(an_object("appId", *_APP, appId=STRING, **_APP)),),
    "POST oauth-apps.delete": (JsonSchema(an_open_object("appId", appId=STRING)),),
}
