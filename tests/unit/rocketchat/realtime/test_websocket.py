import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.rocketchat.realtime.websocket import is_of_strangers, make_own_mark

STRANGERS = '{"roomParticipant":false,"roomType":"c","roomName":"general"}'

# Texts that look like the frame around them are what could fool a test of the raw text.
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from([STRANGERS, STRANGERS + "]}}", '"},' + STRANGERS, "\\", '\\"', "]}}", "é☕"]),
)
names = st.sampled_from(["roomParticipant", "roomType", "roomName", "u", "customFields"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=3),
    max_leaves=6,
)
abouts = st.builds(
    lambda is_in, rest: {"roomParticipant": is_in, **rest},
    st.booleans(),
    st.fixed_dictionaries({}, optional={"roomType": st.sampled_from("cdpl"), "roomName": texts}),
)


def write(arguments: list[Any], *, is_spaced: bool = False, is_ascii: bool = False) -> str:
    frame = {
        "msg": "changed",
        "collection": "stream-room-messages",
        "id": "id",
        "fields": {"eventName": "__my_messages__", "args": arguments},
    }
    separators = None if is_spaced else (",", ":")
    return json.dumps(frame, separators=separators, ensure_ascii=is_ascii)


@given(st.lists(values | abouts, max_size=3), st.booleans(), st.booleans())
def test_only_frames_whose_last_argument_says_so_are_of_strangers(
    arguments: list[Any],
    is_spaced: bool,
    is_ascii: bool,
) -> None:
    if is_of_strangers(write(arguments, is_spaced=is_spaced, is_ascii=is_ascii)):
        assert arguments[-1]["roomParticipant"] is False


@given(values, abouts, st.booleans())
def test_a_message_as_the_server_writes_it_is_of_strangers_exactly_if_it_says_so(
    message: object,
    about: dict[str, Any],
    is_ascii: bool,
) -> None:
    raw = write([message, about], is_ascii=is_ascii)
    assert is_of_strangers(raw) is not about["roomParticipant"]


@given(values)
def test_a_frame_of_any_other_form_is_of_strangers_only_if_it_ends_like_one(frame: object) -> None:
    raw = json.dumps(frame, separators=(",", ":"))
    assert not is_of_strangers(raw) or raw.endswith("]}}")


OWN = make_own_mark("bot")


@given(st.sampled_from(["bot", "ann"]), texts | st.just(OWN), texts)
def test_a_message_is_the_bots_own_exactly_if_the_bot_has_sent_it(
    sender: str, text: str, name: str
) -> None:
    user = {"_id": sender, "username": name}
    raw = write([{"_id": "1", "msg": text, "u": user, "mentions": [{"_id": "bot"}]}, {}])
    assert (OWN in raw) == (sender == "bot")
