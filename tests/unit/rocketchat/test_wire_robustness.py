from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ProtocolError
from bot.models import (
    Document,
)
from bot.rocketchat.wire import (
    format_date,
    parse_date,
    parse_message,
    parse_room,
    parse_session,
    parse_user,
)
from tests.unit.rocketchat.wire_samples import ROW, SAID

PARSERS: list[Callable[[Document], object]] = [
    parse_message,
    parse_session,
    parse_user,
    parse_room,
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
known_keys = st.sampled_from(
    sorted(
        {
            *SAID,
            *ROW,
            "tmid",
            "t",
            "bot",
            "alias",
            "private",
            "editedAt",
            "uids",
            "mentions",
            "current",
        }
        | {"settings", "preferences", "language", "utcOffset", "username", "name", "logoutAt", "os"}
    )
)
odd_documents = st.dictionaries(known_keys, json_values)
"""The keys that are parsed, each with any value."""


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(document=st.dictionaries(st.text(), json_values) | odd_documents)
def test_any_document_parses_or_is_a_protocol_error(
    parse: Callable[[Document], object], document: dict[str, Any]
) -> None:
    try:
        parsed = parse(document)
    except ProtocolError:
        return
    repr(parsed).encode()


@given(
    changes=st.dictionaries(
        known_keys.filter(lambda key: key not in {"_id", "rid", "u"}), json_values
    ),
    context=st.none()
    | st.dictionaries(st.sampled_from(["roomType", "roomParticipant"]), json_values),
)
def test_a_message_with_its_ids_always_parses(
    changes: dict[str, Any], context: dict[str, Any] | None
) -> None:
    message = parse_message({**SAID, **changes}, context)

    assert message.id == SAID["_id"]
    assert message.sent_at.tzinfo is UTC


@given(changes=st.dictionaries(known_keys.filter(lambda key: key != "sessionId"), json_values))
def test_a_session_with_its_id_always_parses(changes: dict[str, Any]) -> None:
    assert parse_session({**ROW, **changes}).id == ROW["sessionId"]


@given(value=json_values | json_values.map(lambda inner: {"$date": inner}))
def test_any_value_is_a_date_in_utc_or_none(value: object) -> None:
    moment = parse_date(value)

    assert moment is None or moment.tzinfo is UTC


@given(
    moment=st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    )
)
def test_a_formatted_date_is_parsed_to_the_same_millisecond(moment: datetime) -> None:
    read = parse_date(format_date(moment))

    assert read is not None
    assert moment - read < timedelta(milliseconds=1)
