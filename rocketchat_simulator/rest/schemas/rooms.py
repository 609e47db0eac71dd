"""The parameters of the routes about rooms and subscriptions.

Source: ``packages/rest-typings/src/v1/dm`` and ``v1/subscriptionsEndpoints.ts``, 6.x to 8.x; what
8.3 says of a missing room as seen there.
"""

from typing import Final

from rocketchat_simulator.rest.json_schema import BOOLEAN, STRING, an_object, one_of, or_null
from rocketchat_simulator.rest.schemas.checks import JsonSchema, Table

_FLAG: Final = or_null(BOOLEAN)
_CREATE: Final = (
    JsonSchema(
        one_of(
            an_object("usernames", usernames=STRING, excludeSelf=_FLAG),
            an_object("username", username=STRING, excludeSelf=_FLAG),
        )
    ),
)
_ROOM: Final = (JsonSchema(an_object("roomId", roomId=STRING)),)

TABLE: Final[Table] = {
    "POST im.create": _CREATE,
    "POST dm.create": _CREATE,
    "POST im.open": _ROOM,
    "POST dm.open": _ROOM,
    "POST im.close": _ROOM,
    "POST dm.close": _ROOM,
    "GET subscriptions.getOne": (
        JsonSchema(an_object("roomId", roomId=STRING), typed_since=(8, 3)),
    ),
    "POST subscriptions.read": (
        JsonSchema(
            one_of(
                an_object("rid", rid=STRING, readThreads=_FLAG),
                an_object("roomId", roomId=STRING, readThreads=_FLAG),
            )
        ),
    ),
}
