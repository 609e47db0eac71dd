import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.rocketchat.realtime.websocket import is_from_other_channel, make_own_message_marker

OTHER_CHANNEL = '{"roomParticipant":false,"roomType":"c","roomName":"general"}'

# Texts that look like the frame around them could deceive a check of the raw text.
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [OTHER_CHANNEL, OTHER_CHANNEL + "]}}", '"},' + OTHER_CHANNEL, "\\", '\\"', "]}}", "é☕"]
    ),
)
names = st.sampled_from(["roomParticipant", "roomType", "roomName", "u", "customFields"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=3),
    max_leaves=6,
)
contexts = st.builds(
    lambda is_in, rest: {"roomParticipant": is_in, **rest},
    st.booleans(),
    st.fixed_dictionaries({}, optional={"roomType": st.sampled_from("cdpl"), "roomName": texts}),
)


def make_frame(arguments: list[Any], *, is_spaced: bool = False, is_ascii: bool = False) -> str:
    frame = {
        "msg": "changed",
        "collection": "stream-room-messages",
        "id": "id",
        "fields": {"eventName": "__my_messages__", "args": arguments},
    }
    separators = None if is_spaced else (",", ":")
    return json.dumps(frame, separators=separators, ensure_ascii=is_ascii)


@given(st.lists(values | contexts, max_size=3), st.booleans(), st.booleans())
def test_only_frames_whose_last_argument_says_so_are_of_other_channels(
    arguments: list[Any],
    is_spaced: bool,
    is_ascii: bool,
) -> None:
    if is_from_other_channel(make_frame(arguments, is_spaced=is_spaced, is_ascii=is_ascii)):
        assert arguments[-1]["roomParticipant"] is False


@given(values, contexts, st.booleans())
def test_a_message_as_the_server_writes_it_is_classified_correctly(
    message: object,
    context: dict[str, Any],
    is_ascii: bool,
) -> None:
    raw = make_frame([message, context], is_ascii=is_ascii)
    assert is_from_other_channel(raw) is not context["roomParticipant"]


@given(values)
def test_a_frame_of_another_form_matches_only_if_it_ends_like_a_message(frame: object) -> None:
    raw = json.dumps(frame, separators=(",", ":"))
    assert not is_from_other_channel(raw) or raw.endswith("]}}")


OWN_MARKER = make_own_message_marker("bot")


@given(st.sampled_from(["bot", "ann"]), texts | st.just(OWN_MARKER), texts)
def test_the_marker_is_in_the_bots_own_messages_only(sender: str, text: str, name: str) -> None:
    user = {"_id": sender, "username": name}
    raw = make_frame([{"_id": "1", "msg": text, "u": user, "mentions": [{"_id": "bot"}]}, {}])
    assert (OWN_MARKER in raw) == (sender == "bot")
