"""Rooms and subscriptions: differences from a real 8.3, and routes that were missing."""

from typing import Final

import pytest

from tests.simulator.differences import ABSENT
from tests.simulator.rooms_scene import ANY, row, walk
from tests.support.rest_caller import EVERY_VERSION

C: Final = "page of differences, C"
A3: Final = "page of differences, A.3"
SOURCE: Final = "channels.ts, groups.ts, im.ts"
_NOT_ALLOWED: Final = {"error": "Not allowed [error-not-allowed]", "errorType": "error-not-allowed"}


def _refuse(method: str) -> dict[str, object]:
    return {**_NOT_ALLOWED, "details": {"method": method}}


EDITING: Final = {
    "error": "Editing room is not allowed [error-action-not-allowed]",
    "errorType": "error-action-not-allowed",
    "details": {"method": "saveRoomSettings", "action": "Editing_room"},
}
CHANNEL: Final = {"roomId": "{channel}"}
GROUP: Final = {"roomId": "{group}"}
WITH_BOB: Final = {"roomId": "{channel}", "userId": "{bob_id}"}

CREATE: Final = (
    row(
        "a channel with a bad name",
        C,
        "POST channels.create",
        {"name": "a name with blanks"},
        status=400,
        answer={
            "error": "a name with blanks is not a valid room name. [error-invalid-room-name]",
            "errorType": "error-invalid-room-name",
        },
    ),
    row(
        "a channel without a name",
        C,
        "POST channels.create",
        status=400,
        answer={"error": 'Param "name" is required', "errorType": ABSENT},
    ),
    row(
        "a channel with members in a text",
        C,
        "POST channels.create",
        {"name": "{new}", "members": "bob"},
        status=400,
        answer={"error": 'Param "members" must be an array if provided'},
    ),
    row(
        "a group without a name",
        C,
        "POST groups.create",
        status=400,
        answer={"error": 'Body param "name" is required'},
    ),
    row(
        "a channel by somebody who may",
        SOURCE,
        "POST channels.create",
        {"name": "{new}", "members": ["bob"]},
        answer={"channel": {"name": "{new}", "usersCount": 2, "t": "c"}},
    ),
    row(
        "a direct message with nobody named",
        C,
        "POST im.create",
        status=400,
        answer={"errorType": "invalid-params"},
        since="8.3",
    ),
    row(
        "a direct message without oneself",
        C,
        "POST im.create",
        {"usernames": "bob,sessions", "excludeSelf": True},
        answer={"room": {"usernames": ANY}},
    ),
)

SETTINGS: Final = (
    row(
        "a topic that is missing",
        C,
        "POST channels.setTopic",
        CHANNEL,
        status=400,
        answer={"error": 'The bodyParam "topic" is required', "errorType": ABSENT},
    ),
    row(
        "the topic that is there",
        C,
        "POST channels.setTopic",
        CHANNEL | {"topic": "same"},
        status=400,
        answer={"error": "The channel topic is the same as what it would be changed to."},
        before=(("POST channels.setTopic", CHANNEL | {"topic": "same"}),),
    ),
    row(
        "the topic of a group may be the same",
        SOURCE,
        "POST groups.setTopic",
        GROUP | {"topic": "same"},
        answer={"topic": "same"},
        before=(("POST groups.setTopic", GROUP | {"topic": "same"}),),
    ),
    row(
        "a new name that is missing",
        C,
        "POST channels.rename",
        CHANNEL,
        status=400,
        answer={"error": 'The bodyParam "name" is required'},
    ),
    row(
        "a new name that is taken",
        C,
        "POST channels.rename",
        CHANNEL | {"name": "general"},
        status=400,
        answer={"errorType": "error-duplicate-channel-name"},
    ),
    row(
        "a member renames",
        A3,
        "POST channels.rename",
        CHANNEL | {"name": "{new}"},
        by="bob",
        status=400,
        answer=EDITING,
    ),
    row(
        "a member sets the topic",
        A3,
        "POST groups.setTopic",
        GROUP | {"topic": "new"},
        by="bob",
        status=400,
        answer=EDITING,
    ),
    row(
        "a moderator sets the topic",
        "permissions.ts",
        "POST channels.setTopic",
        CHANNEL | {"topic": "new"},
        by="bob",
        answer={"topic": "new"},
        before=(("POST channels.addModerator", WITH_BOB),),
    ),
    row(
        "a member archives",
        A3,
        "POST channels.archive",
        CHANNEL,
        by="bob",
        status=400,
        answer={
            "error": "Not authorized [error-not-authorized]",
            "details": {"method": "archiveRoom"},
        },
    ),
    row(
        "a member deletes",
        A3,
        "POST channels.delete",
        CHANNEL,
        by="bob",
        status=400,
        answer=_refuse("eraseRoom"),
    ),
    row(
        "a description",
        SOURCE,
        "POST channels.setDescription",
        CHANNEL | {"description": "What for"},
        answer={"description": "What for"},
    ),
    row(
        "an announcement",
        SOURCE,
        "POST groups.setAnnouncement",
        GROUP | {"announcement": "Listen"},
        answer={"announcement": "Listen"},
    ),
    row(
        "what is not archived is brought back",
        SOURCE,
        "POST channels.unarchive",
        CHANNEL,
        status=400,
        answer={"error": "The channel, {name}, is not archived"},
    ),
    row(
        "what is archived is brought back by an administrator",
        SOURCE,
        "POST channels.unarchive",
        CHANNEL,
        by="admin",
        before=(("POST channels.archive", CHANNEL),),
    ),
    row(
        "an archived channel takes no topic",
        SOURCE,
        "POST channels.setTopic",
        CHANNEL | {"topic": "late"},
        status=400,
        answer={"error": "The channel, {name}, is archived [error-room-archived]"},
        before=(("POST channels.archive", CHANNEL),),
    ),
    row(
        "a channel that is open is opened",
        SOURCE,
        "POST channels.open",
        CHANNEL,
        status=400,
        answer={"error": "The channel, {name}, is already open to the sender"},
    ),
    row(
        "a channel that is closed is closed",
        SOURCE,
        "POST channels.close",
        CHANNEL,
        status=400,
        answer={"error": "The channel, {name}, is already closed to the sender"},
        before=(("POST channels.close", CHANNEL),),
    ),
    row(
        "a direct message that is open is opened",
        SOURCE,
        "POST im.open",
        {"roomId": "{direct}"},
        answer={"success": True},
    ),
)

READING: Final = (
    row(
        "a foreign group",
        C,
        "GET rooms.info",
        {"roomId": "{foreign}"},
        status=400,
        answer={"error": "not-allowed", "errorType": "Not Allowed"},
    ),
    row(
        "a room that is not named",
        C,
        "GET rooms.info",
        status=400,
        answer={"errorType": "error-roomid-param-not-provided"},
    ),
    row(
        "members of a direct message by name",
        C,
        "GET im.members",
        {"username": "bob"},
        answer={"total": 2},
    ),
    row(
        "members of a direct message by the other prefix",
        C,
        "GET dm.members",
        {"roomId": "{direct}"},
        answer={"total": 2},
    ),
    row(
        "members by a part of the name",
        C,
        "GET channels.members",
        CHANNEL | {"filter": "BO"},
        answer={"members": [{"username": "bob"}], "total": 1},
    ),
    row(
        "members by status",
        C,
        "GET channels.members",
        CHANNEL | {"status[]": "online"},
        answer={"members": [], "total": 0},
    ),
    row(
        "one channel of the list",
        C,
        "GET channels.list",
        {"_id": "{channel}"},
        answer={"channels": [{"_id": "{channel}"}], "total": 1},
    ),
    row(
        "all messages of a channel",
        SOURCE,
        "GET channels.messages",
        CHANNEL,
        answer={"messages": [{"msg": "two"}, {"msg": "one"}], "total": 2, "count": 2},
        before=(
            ("POST chat.postMessage", CHANNEL | {"text": "one"}),
            ("POST chat.postMessage", CHANNEL | {"text": "two"}),
        ),
    ),
    row("files of a channel", SOURCE, "GET channels.files", CHANNEL, answer={"files": []}),
)

ROWS: Final = (*CREATE, *SETTINGS, *READING)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_rooms_answer_as_a_real_server(version: str) -> None:
    problems = await walk(ROWS, version)

    assert not problems, "\n".join(problems)
