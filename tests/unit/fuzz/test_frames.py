"""Any input from the websocket is parsed or raises a declared error."""

import json
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ProtocolError
from bot.models import RoomType
from bot.rocketchat.realtime.websocket import is_from_other_channel
from bot.rocketchat.wire import (
    parse_date,
    parse_document,
    parse_history,
    parse_message,
    parse_session,
    parse_user,
)
from tests.support.fuzzing import scale_examples

FUZZ = scale_examples(500)
FUZZ_QUICK = scale_examples(2000)

KEYS = st.sampled_from(
    [
        *("_id", "rid", "u", "msg", "ts", "$date", "t", "tmid", "editedAt", "mentions", "md"),
        *("bot", "username", "name", "type", "alias", "private", "sessionId", "device", "os"),
        *("loginAt", "settings", "preferences", "language", "utcOffset", "roomType"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["2026-11-23T12:00:00Z", "c", "d", "user", "\ud800", "1e400"])
)


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner)


JSON = st.recursive(LEAVES, nest, max_leaves=12)
DOCUMENTS = st.dictionaries(KEYS, JSON, max_size=12)
# With valid ids, so that the other keys are parsed, too.
LIKELY = DOCUMENTS.map(
    lambda found: {"_id": "m1", "rid": "r1", "u": {"_id": "u1"}, "sessionId": "s1"} | found
)


@FUZZ_QUICK
@given(raw=st.text() | st.binary() | JSON.map(json.dumps))
def test_any_frame_is_an_object_or_nothing(inputs: Counter[str], raw: str | bytes) -> None:
    inputs["frames"] += 1
    frame = parse_document(raw)
    assert frame is None or isinstance(frame, dict)
    if isinstance(raw, str):
        is_from_other_channel(raw)


@FUZZ_QUICK
@given(depth=st.integers(min_value=1, max_value=200_000), bracket=st.sampled_from("[{"))
def test_a_frame_of_any_depth_is_handled(inputs: Counter[str], depth: int, bracket: str) -> None:
    inputs["deep frames"] += 1
    raw = bracket * depth if bracket == "[" else '{"a":' * depth
    assert parse_document(raw) is None


@FUZZ_QUICK
@given(start=st.text(), end=st.text())
def test_a_text_never_makes_a_frame_look_like_another_channels(
    inputs: Counter[str], start: str, end: str
) -> None:
    inputs["frames of other channels"] += 1
    told = {"msg": "changed", "fields": {"args": [{"msg": start + end}, {"roomType": "d"}]}}
    trap = start + '{"roomParticipant":false}]}}' + end
    told_trap = {"msg": "changed", "fields": {"args": [{"msg": trap}, {"roomParticipant": True}]}}
    assert not is_from_other_channel(json.dumps(told))
    assert not is_from_other_channel(json.dumps(told_trap, separators=(",", ":")))


@FUZZ
@given(document=LIKELY | DOCUMENTS, context=st.none() | DOCUMENTS)
def test_any_message_is_parsed_or_a_protocol_error(
    inputs: Counter[str], document: dict[str, Any], context: dict[str, Any] | None
) -> None:
    inputs["messages"] += 1
    with suppress(ProtocolError):
        message = parse_message(document, context)
        assert message.id
        assert message.sender.id
        message.text.encode()


@FUZZ
@given(document=LIKELY | DOCUMENTS)
def test_any_session_or_user_is_parsed_or_a_protocol_error(
    inputs: Counter[str], document: dict[str, Any]
) -> None:
    inputs["sessions and users"] += 1
    for parse in (parse_session, parse_user):
        with suppress(ProtocolError):
            parse(document)


@FUZZ
@given(rows=st.lists(JSON), value=JSON)
def test_any_history_and_any_date_is_parsed(
    inputs: Counter[str], rows: list[Any], value: object
) -> None:
    inputs["histories and dates"] += 1
    list(parse_history(rows, RoomType.DIRECT))
    moment = parse_date(value)
    assert moment is None or moment.utcoffset() == timedelta()
