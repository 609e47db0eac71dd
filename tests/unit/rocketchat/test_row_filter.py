"""Lists shortened while they arrive: the same rows, however the bytes are cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rocketchat.row_filter import RowFilter
from bot.rocketchat.wire import MESSAGE_KEYS, ROOM_KEYS, parse_message, parse_room

KEYS = ("_id", "t")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(st.sampled_from([*KEYS, "lastMessage", '"{[\\']), VALUES, max_size=4)


def shorten(raw: bytes, cuts: list[int], **options: int) -> bytes:
    rows = RowFilter(KEYS, **options)
    ends = sorted({cut for cut in cuts if cut < len(raw)} | {len(raw)})
    for start, end in zip([0, *ends], ends, strict=False):
        rows.add(raw[start:end])
    return rows.finish()


@given(
    rows=st.lists(ROWS, max_size=4),
    other=VALUES,
    cuts=st.lists(st.integers(0, 400), max_size=20),
    is_ascii=st.booleans(),
)
def test_rows_keep_these_keys_and_all_else_stays(
    rows: list[dict[str, object]], other: object, cuts: list[int], *, is_ascii: bool
) -> None:
    other = other if not isinstance(other, list) else None
    document = {"before": other, "update": rows, "success": True}
    raw = json.dumps(document, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    kept = [{key: row[key] for key in KEYS if key in row} for row in rows]
    found = json.loads(shorten(raw, cuts).decode(errors="surrogatepass"))
    assert found["update"] == kept
    assert found["success"] is True
    assert found["before"] == other


@given(raw=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_taken(raw: bytes, cuts: list[int]) -> None:
    shorten(raw, cuts)


@pytest.mark.parametrize(
    "raw", [b"<html>{}</html>", b'{"a', b"", b'{"success":false,"error":"no"}']
)
def test_what_has_no_rows_stays_as_it_is(raw: bytes) -> None:
    assert shorten(raw, [1, 2, 3]) == raw


def test_a_row_that_is_too_long_is_left_out() -> None:
    rows = [{"_id": "a"}, {"_id": "b", "msg": "x" * 100}, {"_id": "c"}]
    found = shorten(json.dumps({"update": rows}).encode(), list(range(0, 200, 7)), max_row_bytes=50)
    assert json.loads(found) == {"update": [{"_id": "a"}, None, {"_id": "c"}]}


class _Recorder(dict[str, object]):
    def __init__(self) -> None:
        super().__init__(_id="x", rid="x", u={"_id": "u"})
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None, /) -> object:
        self.asked.add(key)
        return super().get(key, default)


def test_no_key_that_is_read_is_left_out() -> None:
    room, message = _Recorder(), _Recorder()
    parse_room(room)
    parse_message(message)
    assert room.asked <= set(ROOM_KEYS)
    assert message.asked <= set(MESSAGE_KEYS)
