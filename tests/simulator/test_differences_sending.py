"""Known differences from a real server about sending: the right answers, line by line.

The names follow the list of differences that was measured on 8.3: A is what breaks bots, B is
messages, M is what was missing.
"""

from typing import Any

import pytest

from tests.simulator.differences import (
    ABSENT,
    INVALID,
    MEASURED,
    NOT_ONE,
    READ,
    SINCE_7,
    Row,
    find_problems,
    invalid,
    make_scene,
    missing,
    refused,
    report,
)
from tests.support.rest_caller import EVERY_VERSION, open_world

NO_SYSTEM = "Cannot send system messages using 'chat.sendMessage'"
BROKEN_LINK = "Invalid href value provided"
MATCH = "Match error: Match error: Expected"
NO_HREF: dict[str, Any] = {"attachments": [{"image_url": "javascript:alert(1)"}]}


def sent(text: str = "x", room: str = "{direct}", **more: object) -> dict[str, object]:
    return {"message": {"rid": room, "msg": text, **more}}


ROWS = (
    # A. What breaks real bots, or lets broken ones pass.
    Row(
        *("A.2 a login as a form", MEASURED, "nobody", "POST login"),
        *({"user": "alice", "password": "wonderland"}, 200, {"status": "success"}),
        versions=EVERY_VERSION,
        is_form=True,
    ),
    Row(
        *("A.2 a post as a form", MEASURED, "alice", "POST chat.postMessage"),
        *({"channel": "#general", "text": "hi"}, 200, {"message": {"msg": "hi"}}),
        versions=EVERY_VERSION,
        is_form=True,
    ),
    Row(
        *("A.2 a flag in a form", READ, "alice", "POST chat.react"),
        *({"messageId": "hello", "emoji": ":fire:", "shouldReact": "true"}, 200),
        versions=SINCE_7,
        is_form=True,
    ),
    Row(
        *(
            "A.3 rename",
            MEASURED,
            "bob",
            "POST channels.rename",
            {"roomId": "{kitchen}", "name": "x"},
        ),
        400,
        refused(
            "Editing room is not allowed",
            "error-action-not-allowed",
            method="saveRoomSettings",
            action="Editing_room",
        ),
        EVERY_VERSION,
    ),
    Row(
        *("A.3 topic", MEASURED, "bob", "POST channels.setTopic"),
        *({"roomId": "{kitchen}", "topic": "x"}, 400),
        {"errorType": "error-action-not-allowed"},
        EVERY_VERSION,
    ),
    Row(
        *("A.3 kick", MEASURED, "bob", "POST channels.kick"),
        *({"roomId": "{kitchen}", "userId": "{bot_id}"}, 400),
        refused("Not allowed", "error-not-allowed", method="removeUserFromRoom"),
        EVERY_VERSION,
    ),
    Row(
        *("A.3 invite", MEASURED, "bob", "POST channels.invite"),
        *({"roomId": "{kitchen}", "userId": "{plain_id}"}, 400),
        refused("Not allowed", "error-not-allowed", method="addUsersToRoom"),
        EVERY_VERSION,
    ),
    Row(
        *("A.3 archive", MEASURED, "bob", "POST channels.archive", {"roomId": "{kitchen}"}, 400),
        refused("Not authorized", "error-not-authorized", method="archiveRoom"),
        EVERY_VERSION,
    ),
    Row(
        *("A.3 delete", MEASURED, "bob", "POST channels.delete", {"roomId": "{kitchen}"}, 400),
        refused("Not allowed", "error-not-allowed", method="eraseRoom"),
        EVERY_VERSION,
    ),
    Row(
        *("A.3 an owner may", MEASURED, "alice", "POST channels.setTopic"),
        *({"roomId": "{kitchen}", "topic": "soup"}, 200, {"topic": "soup"}, EVERY_VERSION),
    ),
    Row(
        *("A.4 history without preview", MEASURED, "plain", "GET channels.history"),
        *({"roomId": "{kitchen}"}, 403, {"success": False, "error": "unauthorized"}, EVERY_VERSION),
    ),
    *(
        Row(
            *(f"A.6 {emoji}", MEASURED, "alice", "POST chat.react"),
            *({"messageId": "hello", "emoji": emoji}, 200, {}, EVERY_VERSION),
        )
        for emoji in (":clap:", ":squid:", ":+1:", "tada")
    ),
    Row(
        *("A.6 no emoji", MEASURED, "alice", "POST chat.react"),
        *({"messageId": "hello", "emoji": ":nosuch:"}, 400),
        refused("Invalid emoji provided.", "error-not-allowed", method="setReaction"),
        EVERY_VERSION,
    ),
    Row(
        *("A.8 another's status", MEASURED, "alice", "POST users.setStatus"),
        *({"status": "busy", "userId": "{bob_id}"}, 403),
        {"success": False, "error": "unauthorized"},
        EVERY_VERSION,
    ),
    Row(
        *("A.9 a cursor that is none", MEASURED, "alice", "GET chat.syncMessages"),
        *({"roomId": "{direct}", "type": "UPDATED", "next": "x"}, 400, refused("Invalid Date")),
        SINCE_7,
    ),
    Row(
        *("A.9 a number for a text", MEASURED, "alice", "POST chat.postMessage"),
        *({"channel": "#general", "text": 5}, 400, INVALID, SINCE_7),
    ),
    Row(
        *("A.9 an object for an id", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(_id={"a": 1}), 400, INVALID, SINCE_7),
    ),
    Row(
        *("A.9 a list for an id", READ, "alice", "POST chat.sendMessage"),
        *(sent(_id=["a"]), 400, refused(f"{MATCH} string, got object in field _id"), ("6.5",)),
    ),
    # B. Messages: sending.
    Row(
        *("B no room", MEASURED, "alice", "POST chat.sendMessage", {"message": {"msg": "x"}}, 400),
        *(refused("The 'rid' property on the message object is missing."), EVERY_VERSION),
    ),
    Row(
        *("B a system message", MEASURED, "alice", "POST chat.sendMessage", sent(t="uj"), 400),
        *(refused(NO_SYSTEM), SINCE_7),
    ),
    Row(
        *("B an admin's alias", MEASURED, "admin", "POST chat.sendMessage"),
        *(sent(room="{general}", alias="Bob"), 400, refused("Not enough permission")),
        EVERY_VERSION,
    ),
    Row(
        *("B custom fields", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(customFields={"a": 1}), 400, refused("Custom fields not enabled"), EVERY_VERSION),
    ),
    Row(
        *("B shown without a thread", MEASURED, "alice", "POST chat.sendMessage", sent(tshow=True)),
        *(400, refused("tshow provided but missing tmid", "invalid-params"), EVERY_VERSION),
    ),
    Row(
        *("B an old date", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(ts="2020-01-01T00:00:00.000Z"), 400),
        {"errorType": "error-message-ts-out-of-sync"},
        EVERY_VERSION,
    ),
    Row(
        *("B a text for a message", MEASURED, "alice", "POST chat.sendMessage", {"message": "x"}),
        *(400, invalid("must be object"), ("7.7", "8.3")),
    ),
    Row(
        *("B a text for a message, typed", READ, "alice", "POST chat.sendMessage"),
        *({"message": "x"}, 400, INVALID | {"error": "must be object"}, ("8.8",)),
    ),
    Row(
        *("B an open code block", MEASURED, "alice", "POST chat.sendMessage", sent("```\nx"), 200),
        *({"message": {"msg": "```\nx\n```"}}, EVERY_VERSION),
    ),
    Row(
        *("B a reply to a reply", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(tmid="reply"), 200, {"message": {"tmid": "hello"}}, EVERY_VERSION),
    ),
    Row(
        *("B it counts in the root", MEASURED, "alice", "GET chat.getMessage", {"msgId": "hello"}),
        *(200, {"message": {"tcount": 2}}, EVERY_VERSION),
    ),
    Row(
        *("B a channel in a text", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent("see #kitchen and #nosuch"), 200),
        {"message": {"channels": [{"_id": "{kitchen}", "fname": "kitchen", "name": "kitchen"}]}},
        EVERY_VERSION,
    ),
    Row(
        *("B no previews", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent("https://example.org/") | {"previewUrls": []}, 200),
        {"message": {"urls": [{"url": "https://example.org/", "ignoreParse": True}]}},
        EVERY_VERSION,
    ),
    Row(
        *("B a colour", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(attachments=[{"color": 5}]), 400),
        *(refused(f"{MATCH} string, got number in field color"), EVERY_VERSION),
    ),
    Row(
        *("B a link that runs", MEASURED, "alice", "POST chat.sendMessage", sent(**NO_HREF), 400),
        *(refused(BROKEN_LINK), EVERY_VERSION),
    ),
    Row(
        *("B a link that runs, posted", MEASURED, "alice", "POST chat.postMessage"),
        *({"channel": "#general", **NO_HREF}, 400, refused(BROKEN_LINK), EVERY_VERSION),
    ),
    Row(
        *("B attachments in a direct message", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(attachments=[{"title": "T"}]), 200, {"message": {"attachments": []}}, SINCE_7),
    ),
    Row(
        *("B attachments in a channel", MEASURED, "alice", "POST chat.sendMessage"),
        *(sent(room="{general}", attachments=[{"title": "T"}]), 200),
        *({"message": {"attachments": [{"title": "T"}]}}, EVERY_VERSION),
    ),
    # B. Messages: posting.
    Row(
        *("B post to many", MEASURED, "alice", "POST chat.postMessage"),
        *({"roomId": ["{general}", "{kitchen}"], "text": "many"}, 200),
        *({"channel": "{general}", "message": {"rid": "{general}"}}, EVERY_VERSION),
    ),
    Row(
        *("B the second of many has it", MEASURED, "alice", "GET channels.history"),
        *({"roomId": "{kitchen}", "count": "1"}, 200, {"messages": [{"msg": "many"}]}),
        EVERY_VERSION,
    ),
    Row(
        *("B post without links", MEASURED, "alice", "POST chat.postMessage"),
        *({"channel": "#general", "text": "https://example.org/", "parseUrls": False}, 200),
        *({"message": {"urls": ABSENT}}, EVERY_VERSION),
    ),
    Row(
        *("B post nowhere", MEASURED, "alice", "POST chat.postMessage", {"text": "x"}, 400),
        invalid(missing("roomId"), missing("channel"), NOT_ONE),
        ("7.7", "8.3"),
    ),
    Row(
        *("B post to both", READ, "alice", "POST chat.postMessage"),
        *({"channel": "#general", "roomId": "{general}", "text": "x"}, 400),
        invalid(*["must NOT have additional properties"] * 2, NOT_ONE),
        ("7.7", "8.3"),
    ),
    Row(
        *("B post more than is known", MEASURED, "alice", "POST chat.postMessage"),
        *({"channel": "#general", "blocks": []}, 400, INVALID, SINCE_7),
    ),
)


@pytest.mark.parametrize("version", EVERY_VERSION)
async def test_sending_is_answered_as_by_a_real_server(version: str) -> None:
    async with open_world(version, is_limited=False) as world:
        report(await find_problems(ROWS, make_scene(world), version))
