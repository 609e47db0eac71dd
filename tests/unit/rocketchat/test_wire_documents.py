import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.rocketchat.wire import parse_document

# Half a surrogate pair, too: JavaScript writes it as it is.
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
def test_what_is_no_json_object_is_none(raw: str | bytes) -> None:
    assert parse_document(raw) is None


@given(st.text() | st.binary())
def test_any_text_is_an_object_or_none(raw: str | bytes) -> None:
    found = parse_document(raw)
    assert found is None or isinstance(found, dict)


@given(documents)
@example({"msg": "\ud800", "big": 10**40})
def test_every_json_object_is_parsed(document: dict[str, object]) -> None:
    raw = json.dumps(document)
    assert parse_document(raw) == parse_document(raw.encode()) == document


def test_a_deep_object_is_parsed() -> None:
    raw = '{"a":' * 500 + "1" + "}" * 500
    assert parse_document(raw) is not None
