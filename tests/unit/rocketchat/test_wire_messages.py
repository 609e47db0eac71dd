import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import ProtocolError
from bot.models import (
    RoomType,
    Sender,
)
from bot.rocketchat.wire import (
    parse_date,
    parse_message,
)
from tests.unit.rocketchat.wire_samples import NOON, NOON_MS, SAID


@pytest.mark.parametrize(
    "value",
    [
        {"$date": NOON_MS},
        NOON_MS,
        float(NOON_MS),
        "2026-09-01T12:00:00.120Z",
        "2026-09-01T14:00:00.120+02:00",
        "2026-09-01T12:00:00.120",
        {"$date": "2026-09-01T12:00:00.120Z"},
    ],
)
def test_every_spelling_of_a_date_is_the_same_moment(value: object) -> None:
    assert parse_date(value) == NOON


@pytest.mark.parametrize(
    "value",
    ["0001-01-01T00:00:00+05:00", "0001-06-01", "9999-12-31T23:59:59.999Z", 253_402_300_799_000],
)
def test_a_date_at_an_end_of_the_calendar_is_none(value: object) -> None:
    assert parse_date(value) is None


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", True, [], {}, {"$date": None}, float("nan"), 10**400, 1e300]
)
def test_an_invalid_date_is_none(value: object) -> None:
    assert parse_date(value) is None


def test_a_message_of_the_stream_is_parsed() -> None:
    message = parse_message(SAID, {"roomParticipant": True, "roomType": "d"})

    assert message.id == "RPq5Q7sz4HmB3gfRn"
    assert message.room_id == "6b04800d478b22167478780e"
    assert message.room_type is RoomType.DIRECT
    assert message.sender == Sender("XkrFP3QSjxs4auNgc", "alice", "Alice")
    assert message.text == "!session 2"
    assert message.sent_at == NOON
    assert message.is_participant
    assert message.thread_id is None
    assert message.edited_at is None
    assert message.system_type == ""
    assert not message.is_automatic
    assert message.mentions == {}


def test_a_message_says_whether_the_bot_is_in_the_room() -> None:
    message = parse_message(
        SAID, {"roomParticipant": False, "roomType": "c", "roomName": "general"}
    )

    assert message.room_type is RoomType.CHANNEL
    assert not message.is_participant


@pytest.mark.parametrize("kind", ["l", "v", "", None, 7, ["d"]])
def test_a_room_type_that_is_not_served_is_other(kind: object) -> None:
    assert parse_message(SAID, {"roomType": kind}).room_type is RoomType.OTHER


def test_a_message_without_context_has_the_room_type_other() -> None:
    assert parse_message(SAID).room_type is RoomType.OTHER


def test_threads_edits_and_system_messages_are_recognised() -> None:
    message = parse_message({**SAID, "tmid": "root", "editedAt": {"$date": NOON_MS}, "t": "uj"})

    assert message.thread_id == "root"
    assert message.edited_at == NOON
    assert message.system_type == "uj"


def test_a_message_without_a_time_gets_the_oldest_time() -> None:
    assert parse_message({**SAID, "ts": None}).sent_at == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "sign",
    [
        {"bot": {"i": "integration"}},
        {"bot": True},
        {"alias": "Grafana"},
        {"private": True},
        {"u": {"_id": "rocket.cat", "username": "rocket.cat"}},
    ],
)
def test_what_no_person_wrote_is_automatic(sign: dict[str, Any]) -> None:
    assert parse_message({**SAID, **sign}).is_automatic


@pytest.mark.parametrize("sign", [{"alias": ""}, {"bot": None}, {"private": False}])
def test_empty_keys_do_not_make_a_message_automatic(sign: dict[str, Any]) -> None:
    assert not parse_message({**SAID, **sign}).is_automatic


def test_only_users_count_as_mentioned() -> None:
    mentions = [
        {"_id": "bot1", "username": "sessions", "name": "Sessions", "type": "user"},
        {"_id": "old", "username": "from.an.old.server"},
        {"_id": "team1", "name": "red", "type": "team"},
        {"_id": "all", "username": "all"},
        {"_id": "here", "username": "here"},
        {"username": "no id"},
        "nonsense",
    ]

    assert parse_message({**SAID, "mentions": mentions}).mentions == {
        "bot1": "sessions",
        "old": "from.an.old.server",
    }


@pytest.mark.parametrize(
    "broken", [{"_id": None}, {"_id": ""}, {"rid": 7}, {"u": None}, {"u": {"username": "alice"}}]
)
def test_a_message_without_its_ids_is_a_protocol_error(broken: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        parse_message({**SAID, **broken})


def test_half_a_surrogate_pair_is_replaced() -> None:
    said = json.loads(r'{"msg": "a\ud83db"}')

    assert parse_message({**SAID, **said}).text == "a?b"


def test_nul_is_replaced() -> None:
    said = {**SAID, "_id": "one\0", "msg": "a\0b", "u": {"_id": "u\0", "username": "\0"}}

    message = parse_message(said)

    assert (message.id, message.text) == ("one\ufffd", "a\ufffdb")
    assert (message.sender.id, message.sender.username) == ("u\ufffd", "\ufffd")


def test_an_emoji_stays_whole() -> None:
    said = json.loads(r'{"msg": "a\ud83d\ude00b"}')

    assert parse_message({**SAID, **said}).text == "a\U0001f600b"
