import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.rocketchat.transport import format_document, parse_document

# Half a surrogate pair, too: JavaScript writes it down as it is.
texts = st.text(st.characters(exclude_categories=()), max_size=8)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
documents = st.dictionaries(
    texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@pytest.mark.parametrize("raw", ["", "garbage{", "[]", "5", "null", b"\xff", "[" * 100_000])
def test_what_is_no_json_object_is_no_document(raw: str | bytes) -> None:
    assert parse_document(raw) is None


@given(st.text() | st.binary())
def test_no_text_makes_the_reader_fail(raw: str | bytes) -> None:
    found = parse_document(raw)
    assert found is None or isinstance(found, dict)


@given(documents)
@example({"msg": "\ud800", "big": 10**40})
def test_every_object_is_read_as_the_standard_library_reads_it(document: dict[str, object]) -> None:
    raw = json.dumps(document)
    assert parse_document(raw) == parse_document(raw.encode()) == json.loads(raw)


@given(documents)
@example({"msg": "\ud800"})
@example({"msg": "é☕ \u2028", "big": 10**40, "none": None, "no": []})
def test_every_object_is_written_as_json(document: dict[str, object]) -> None:
    assert json.loads(format_document(document)) == json.loads(json.dumps(document))


def test_what_the_fast_reader_finds_too_deep_is_read_all_the_same() -> None:
    raw = '{"a":' * 500 + "1" + "}" * 500
    assert parse_document(raw) == json.loads(raw)
