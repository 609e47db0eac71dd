"""Members, roles and subscriptions: differences from a real 8.3, and missing routes."""

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


LAST_OWNER: Final = (
    "You are the last owner. Please set new owner before leaving the room."
    " [error-you-are-last-owner]"
)
CHANNEL: Final = {"roomId": "{channel}"}
GROUP: Final = {"roomId": "{group}"}
WITH_BOB: Final = {"roomId": "{channel}", "userId": "{bob_id}"}

MEMBERS: Final = (
    row(
        "somebody absent is kicked",
        C,
        "POST channels.kick",
        WITH_BOB,
        status=400,
        answer={"errorType": "error-user-not-in-room"},
        before=(("POST channels.kick", WITH_BOB),),
    ),
    row(
        "somebody absent leaves",
        C,
        "POST channels.leave",
        CHANNEL,
        by="bob",
        status=400,
        answer={"errorType": "error-user-not-in-room"},
        before=(("POST channels.kick", WITH_BOB),),
    ),
    row(
        "the last owner leaves",
        C,
        "POST channels.leave",
        CHANNEL,
        status=400,
        answer={"error": LAST_OWNER, "details": {"method": "leaveRoom"}},
    ),
    row(
        "the last owner is kicked",
        C,
        "POST groups.kick",
        {"roomId": "{group}", "userId": "{alice_id}"},
        status=400,
        answer={"error": LAST_OWNER, "details": {"method": "removeUserFromRoom"}},
    ),
    row(
        "an owner leaves to another",
        SOURCE,
        "POST channels.leave",
        CHANNEL,
        answer={"channel": {"usersCount": 1}},
        before=(("POST channels.addOwner", WITH_BOB),),
    ),
    row(
        "a group is left, without the group in the answer",
        SOURCE,
        "POST groups.leave",
        GROUP,
        by="bob",
        answer={"success": True, "group": ABSENT},
    ),
    row(
        "nobody who exists is invited",
        C,
        "POST channels.invite",
        CHANNEL | {"username": "no-such-person"},
        status=400,
        answer={
            "error": "invalid-user-invite-list",
            "errorType": "Cannot invite if no users are provided",
        },
    ),
    row(
        "nobody is invited",
        C,
        "POST channels.invite",
        CHANNEL,
        status=400,
        answer={"errorType": "error-users-params-not-provided"},
    ),
    row(
        "a member invites",
        A3,
        "POST channels.invite",
        CHANNEL | {"username": "sessions"},
        by="bob",
        status=400,
        answer=_refuse("addUsersToRoom"),
    ),
    row(
        "a member kicks",
        A3,
        "POST channels.kick",
        CHANNEL | {"userId": "{alice_id}"},
        by="bob",
        status=400,
        answer=_refuse("removeUserFromRoom"),
    ),
    row(
        "a kick that names nobody",
        SOURCE,
        "POST channels.kick",
        CHANNEL,
        status=400,
        answer={"errorType": "error-user-param-not-provided"},
    ),
    row(
        "a member makes themself an owner",
        SOURCE,
        "POST channels.addOwner",
        WITH_BOB,
        by="bob",
        status=400,
        answer=_refuse("addRoomOwner"),
    ),
    row(
        "an owner twice",
        "addRoomOwner.ts",
        "POST channels.addOwner",
        WITH_BOB,
        status=400,
        answer={"error": "User is already an owner [error-user-already-owner]"},
        before=(("POST channels.addOwner", WITH_BOB),),
    ),
    row(
        "the last owner is no owner any more",
        "removeRoomOwner.ts",
        "POST channels.removeOwner",
        {"roomId": "{channel}", "userId": "{alice_id}"},
        status=400,
        answer={"errorType": "error-remove-last-owner"},
    ),
    row(
        "a leader who is none",
        "removeRoomLeader.ts",
        "POST groups.removeLeader",
        {"roomId": "{group}", "userId": "{bob_id}"},
        status=400,
        answer={"error": "User is not a leader [error-user-not-leader]"},
    ),
    row(
        "the roles in a channel",
        SOURCE,
        "GET channels.roles",
        CHANNEL,
        answer={
            "roles": [
                {"u": {"_id": "{alice_id}"}, "roles": ["owner"], "rid": "{channel}"},
                {"u": {"_id": "{bob_id}"}, "roles": ["moderator"]},
            ]
        },
        before=(("POST channels.addModerator", WITH_BOB),),
    ),
    row(
        "counters of a member",
        SOURCE,
        "GET channels.counters",
        CHANNEL,
        answer={"joined": True, "members": 2, "msgs": 1, "unreads": 1, "userMentions": 0},
        before=(("POST chat.postMessage", CHANNEL | {"text": "one"}),),
    ),
    row(
        "counters of somebody else",
        SOURCE,
        "GET channels.counters",
        WITH_BOB,
        status=403,
        answer={"error": "unauthorized"},
    ),
)

SUBSCRIPTIONS: Final = (
    row(
        "an unknown room is read",
        C,
        "POST subscriptions.read",
        {"rid": "unknown"},
        status=400,
        answer={"error": "error-invalid-subscription", "errorType": ABSENT},
    ),
    row(
        "no room is read",
        C,
        "POST subscriptions.read",
        status=400,
        answer={"errorType": "invalid-params"},
    ),
    row(
        "two rooms are read",
        C,
        "POST subscriptions.read",
        {"rid": "{channel}", "roomId": "{channel}"},
        status=400,
        answer={"errorType": "invalid-params"},
    ),
    row(
        "one subscription of no room",
        C,
        "GET subscriptions.getOne",
        status=400,
        answer={"errorType": "error-invalid-params"},
        since="8.3",
    ),
    row(
        "the owner's subscription",
        C,
        "GET subscriptions.getOne",
        CHANNEL,
        answer={"subscription": {"roles": ["owner"], "ls": ANY, "u": {"name": "Alice Example"}}},
    ),
    row(
        "a member's subscription",
        C,
        "GET subscriptions.getOne",
        CHANNEL,
        by="bob",
        answer={"subscription": {"roles": ABSENT, "u": {"name": "Bob Beispiel"}}},
    ),
)

ROWS: Final = (*MEMBERS, *SUBSCRIPTIONS)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_members_answer_as_on_a_real_server(version: str) -> None:
    problems = await walk(ROWS, version)

    assert not problems, "\n".join(problems)
