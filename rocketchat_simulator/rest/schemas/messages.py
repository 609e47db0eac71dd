"""The parameters of the routes that send, change and read messages.

Source: the package ``@rocket.chat/rest-typings``, 6.3.7, 7.9.8, 8.0.0, 8.6.1 and 8.8.1, and
``app/api/server/v1/chat.ts``, 6.x to 8.x. The routes ``chat.*`` check with ajv since 7.4 (server
pull request 35210, issue 35424). ajv would make a text of a number in a JSON body, but a real 8.3
was seen to refuse it, so it is refused here.
"""

from typing import Final

from rocketchat_simulator.rest.json_schema import (
    BOOLEAN,
    FILLED_STRING,
    NUMBER,
    OBJECT,
    STRING,
    Schema,
    an_array,
    an_enum,
    an_object,
    an_open_object,
    any_of,
    one_of,
    or_null,
)
from rocketchat_simulator.rest.schemas.checks import TYPED, JsonSchema, MeteorCheck, OwnWords, Table
from rocketchat_simulator.workspace.versions import VersionNumber

_FIRST_WITH_AJV: Final[VersionNumber] = (7, 4)
_FIRST_WITH_FILES: Final[VersionNumber] = (8, 4)
"""``chat.delete`` takes a file's id in 8.6 and not in 8.0; the first such version was not read."""
_TYPED_IN_8_3: Final[VersionNumber] = (8, 3)
_TEXT: Final = or_null(STRING)
_FLAG: Final = or_null(BOOLEAN)
_OBJECTS: Final = or_null(an_array(OBJECT))
_FIELDS: Final = or_null(OBJECT)
_URLS: Final = or_null(an_array(STRING))
_ROOMS: Final = one_of(STRING, an_array(STRING))
_PAGE: Final = {"count": or_null(NUMBER), "offset": or_null(NUMBER), "sort": _TEXT}

_SENT: Final = an_open_object(
    _id=_TEXT,
    rid=STRING,
    tmid=_TEXT,
    msg=_TEXT,
    alias=_TEXT,
    emoji=_TEXT,
    tshow=_FLAG,
    avatar=_TEXT,
    attachments=_OBJECTS,
    blocks=_OBJECTS,
    customFields=_FIELDS,
)
_POSTED: Final = {
    "text": _TEXT,
    "alias": _TEXT,
    "emoji": _TEXT,
    "avatar": _TEXT,
    "attachments": _OBJECTS,
    "customFields": _FIELDS,
    "parseUrls": BOOLEAN,
}
_NO_ID: Final = ('The required "messageId" param is missing.', "error-messageid-param-not-provided")
_NO_STARRED_ID: Final = (_NO_ID[0].replace("missing", "required"), _NO_ID[1])
_NO_ROOM: Final = ('The required "roomId" query param is missing.', "error-invalid-params")
_NO_ROOM_ID: Final = (_NO_ROOM[0], "error-roomId-param-not-provided")


def _since_7_4(schema: Schema, *, typed_since: VersionNumber = TYPED) -> JsonSchema:
    return JsonSchema(schema, since=_FIRST_WITH_AJV, typed_since=typed_since)


def _before(**words: tuple[str, str]) -> OwnWords:
    return OwnWords(words, until=_FIRST_WITH_AJV)


def _named(name: str, schema: Schema = STRING) -> Schema:
    return an_object(name, **{name: schema})


def _paged(name: str, schema: Schema = STRING) -> Schema:
    return an_object(name, **{name: schema}, **_PAGE)


def _post_to(name: str, **more: Schema) -> Schema:
    return an_object(name, **{name: _ROOMS}, **_POSTED, **more)


def _react_with(name: str) -> Schema:
    fields = {name: STRING, "messageId": FILLED_STRING, "shouldReact": _FLAG}
    return an_object(name, "messageId", **fields)


def _update_with(name: str, content: Schema, **more: Schema) -> Schema:
    fields = {"roomId": STRING, "msgId": STRING, name: content}
    return an_object(*fields, **fields, **more)


_UPDATE_TEXT: Final = _update_with("text", STRING, previewUrls=_URLS, customFields=_FIELDS)
_UPDATE: Final = one_of(_UPDATE_TEXT, _update_with("content", OBJECT, e2eMentions=_FIELDS))
_DELETED: Final = {"msgId": STRING, "roomId": STRING, "asUser": _FLAG}
_SYNC: Final = an_object(
    "roomId",
    roomId=STRING,
    lastUpdate=_TEXT,
    count=or_null(NUMBER),
    next=_TEXT,
    previous=_TEXT,
    type=or_null(an_enum("UPDATED", "DELETED")),
)

_YES_OR_NO: Final = an_enum("false", "true")
_FILLED: Final = {"latest": FILLED_STRING, "oldest": FILLED_STRING}
_SWITCHES: Final = dict.fromkeys(("showThreadMessages", "inclusive", "unreads"), _YES_OR_NO)
_HISTORY: Final = {name: or_null(each) for name, each in (_FILLED | _SWITCHES).items()} | _PAGE
_GROUP_HISTORY: Final = dict.fromkeys((*_FILLED, *_SWITCHES), _TEXT) | _PAGE
_NUMBERED_PAGE: Final = {"count": NUMBER, "offset": NUMBER, "sort": STRING}
_DIRECT_HISTORY: Final = _FILLED | _SWITCHES | _NUMBERED_PAGE
_DIRECT_MESSAGES: Final = _NUMBERED_PAGE | dict.fromkeys(
    ("mentionIds", "starredIds", "pinned", "fields", "query"), STRING
)

TABLE: Final[Table] = {
    "GET channels.history": (
        JsonSchema(
            one_of(
                an_object("roomId", roomId=FILLED_STRING, **_HISTORY),
                an_object("roomName", roomName=FILLED_STRING, **_HISTORY),
            )
        ),
    ),
    "GET groups.history": (
        JsonSchema(
            one_of(
                an_object("roomId", roomId=STRING, **_GROUP_HISTORY),
                an_object("roomName", roomName=STRING, **_GROUP_HISTORY),
            ),
            since=(8, 0),
        ),
    ),
    **dict.fromkeys(
        ("GET im.history", "GET dm.history"),
        (JsonSchema(an_object("roomId", roomId=FILLED_STRING, **_DIRECT_HISTORY)),),
    ),
    **dict.fromkeys(
        ("GET im.messages", "GET dm.messages"),
        (
            JsonSchema(
                one_of(
                    an_object("roomId", roomId=STRING, **_DIRECT_MESSAGES),
                    an_object("username", username=STRING, **_DIRECT_MESSAGES),
                )
            ),
        ),
    ),
    "POST chat.sendMessage": (
        _before(message=('The "message" parameter must be provided.', "error-invalid-params")),
        _since_7_4(an_object("message", message=_SENT, previewUrls=_URLS)),
    ),
    "POST chat.postMessage": (
        _since_7_4(one_of(_post_to("roomId", tmid=STRING), _post_to("channel"))),
    ),
    "POST chat.update": (
        MeteorCheck(("roomId", "msgId", "text"), until=_FIRST_WITH_AJV),
        JsonSchema(_UPDATE_TEXT, since=_FIRST_WITH_AJV, until=(8, 0)),
        JsonSchema(_UPDATE, since=(8, 0), typed_since=_TYPED_IN_8_3),
    ),
    "POST chat.delete": (
        MeteorCheck(("msgId", "roomId"), until=_FIRST_WITH_AJV),
        JsonSchema(
            an_object("msgId", "roomId", **_DELETED), since=_FIRST_WITH_AJV, until=_FIRST_WITH_FILES
        ),
        JsonSchema(
            any_of(an_object(**_DELETED, fileId=STRING), ("msgId", "roomId"), ("fileId",)),
            since=_FIRST_WITH_FILES,
        ),
    ),
    "POST chat.react": (
        _before(messageId=_NO_ID),
        _since_7_4(one_of(_react_with("emoji"), _react_with("reaction"))),
    ),
    "POST chat.starMessage": (_before(messageId=_NO_STARRED_ID), _since_7_4(_named("messageId"))),
    "POST chat.unStarMessage": (_before(messageId=_NO_STARRED_ID), _since_7_4(_named("messageId"))),
    "POST chat.pinMessage": (
        _before(messageId=_NO_ID),
        _since_7_4(_named("messageId", FILLED_STRING), typed_since=_TYPED_IN_8_3),
    ),
    "POST chat.unPinMessage": (
        _before(messageId=_NO_STARRED_ID),
        _since_7_4(_named("messageId", FILLED_STRING), typed_since=_TYPED_IN_8_3),
    ),
    "GET chat.getMessage": (
        _before(msgId=('The "msgId" query parameter must be provided.', "")),
        _since_7_4(_named("msgId", FILLED_STRING)),
    ),
    "GET chat.syncMessages": (_before(roomId=_NO_ROOM_ID), _since_7_4(_SYNC)),
    "GET chat.getThreadMessages": (_since_7_4(_paged("tmid", FILLED_STRING)),),
    "GET chat.getPinnedMessages": (
        _before(roomId=_NO_ROOM_ID),
        _since_7_4(_paged("roomId", FILLED_STRING)),
    ),
    "GET chat.getStarredMessages": (
        _before(roomId=_NO_ROOM),
        _since_7_4(_paged("roomId", FILLED_STRING)),
    ),
    "GET chat.getMentionedMessages": (
        _before(roomId=_NO_ROOM),
        _since_7_4(_paged("roomId", FILLED_STRING)),
    ),
    "GET chat.search": (
        _before(
            roomId=_NO_ROOM_ID,
            searchText=(
                'The required "searchText" query param is missing.',
                "error-searchText-param-not-provided",
            ),
        ),
        _since_7_4(
            an_object(
                "roomId",
                "searchText",
                roomId=STRING,
                searchText=STRING,
                count=or_null(NUMBER),
                offset=or_null(NUMBER),
            )
        ),
    ),
    "POST commands.run": (
        OwnWords(
            {
                "command": ("You must provide a command to run.", ""),
                "roomId": (
                    "The room's id where to execute this command must be provided and be a string.",
                    "",
                ),
            },
            until=TYPED,
        ),
        JsonSchema(
            an_object(
                "command",
                "roomId",
                command=STRING,
                params=_TEXT,
                roomId=STRING,
                tmid=_TEXT,
                triggerId=_TEXT,
            )
        ),
    ),
    "POST method.call/:method": (JsonSchema(_named("message")),),
}
