"""Whatever people type: an invocation or nothing, never an error."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.models import Message, RoomType, Sender
from bot.parsing import Listener, has_token, is_session_id, parse, parse_session_words
from tests.support.fuzzing import scale_examples

FUZZ = scale_examples(2000)
BOT = Sender("botbotbot", "session.bot")

PIECES = st.sampled_from(
    [
        *("!", "\uff01", "session", "!session", "@session.bot", "@session.bot:", " ", "\n", "`"),
        *('"', "«", "\u200b", "\ufeff", "\u202e", "ﬀ", "İ", "2", "hQ7rXk2Zs9TtYw3Ab", "token"),
        *("x" * 43, "@all"),
    ]
)
WORDS = st.lists(PIECES | st.text(max_size=6), max_size=12).map("".join)


@FUZZ
@given(
    text=WORDS | st.text(),
    prefix=st.sampled_from(["!", "/", "ß", "¡¡", "\u0130", "?", "!!!"]),
    is_mentioned=st.booleans(),
    is_private=st.booleans(),
)
def test_any_text_is_an_invocation_or_nothing(
    inputs: Counter[str], text: str, prefix: str, is_mentioned: bool, is_private: bool
) -> None:
    inputs["commands"] += 1
    message = Message(
        id="m1",
        room_id="r1",
        room_type=RoomType.DIRECT,
        sender=Sender("alicealice", "alice"),
        text=text,
        sent_at=datetime(2026, 11, 23, tzinfo=UTC),
        mentions={BOT.id: BOT.username} if is_mentioned else {},
    )
    invocation = parse(message, Listener(BOT, prefix), is_private=is_private)
    assert invocation is None or invocation.name
    assert (is_mentioned or is_private) or invocation is None


@FUZZ
@given(text=WORDS | st.text())
def test_any_words_are_a_session_id_or_not(inputs: Counter[str], text: str) -> None:
    inputs["words about sessions"] += 1
    words = parse_session_words(text)
    assert words == words.strip()
    is_session_id(words)
    has_token(text)
