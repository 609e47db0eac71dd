import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Message, RoomType, Sender
from bot.parsing import (
    Listener,
    has_token,
    is_question,
    is_session_id,
    is_spoken_by_a_person,
    parse,
    parse_name,
    parse_session_words,
)

BOT = Sender("botbotbot", "session.bot")
LISTENER = Listener(BOT, "!")
INVISIBLE = ("\u00ad", "\u061c", "\u180e", "\u200b", "\u200c", "\u200d", "\u2064", "\U000e0020")
QUOTE = "[ ](https://chat.example.org/direct/abcdefgh?msg=QoYYFw2t9oKks2niG)"
TO_BOT = {BOT.id: BOT.username}
ALICE = Sender("alicealice", "alice")


def say(text: str, **changes: object) -> Message:
    fields: dict[str, object] = {
        "id": "m1",
        "room_id": "r1",
        "room_type": RoomType.DIRECT,
        "sender": ALICE,
        "text": text,
        "sent_at": datetime(2026, 11, 23, tzinfo=UTC),
    }
    return Message(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("!session abc", "session", "abc"),
        ("session abc", "session", "abc"),
        ("  !Session   abc ", "session", "abc"),
        ("!SESSION abc", "session", "abc"),
        ("！session abc", "session", "abc"),  # noqa: RUF001 - typed on an East Asian keyboard
        ("!\u200bsession\u200b abc", "session", "abc"),
        ("`!session abc`", "session", "abc"),
        ("@session.bot session abc", "session", "abc"),
        ("@session.bot: !session abc", "session", "abc"),
        ("!name 2 kitchen tablet", "name", "2 kitchen tablet"),
        ("!help", "help", ""),
        ("!sesion x", "sesion", "x"),
    ],
)
def test_a_direct_message_is_understood_as_people_type_it(text: str, name: str, words: str) -> None:
    invocation = parse(say(text), LISTENER, is_private=True)
    assert invocation is not None
    assert (invocation.name, invocation.words) == (name, words)


@pytest.mark.parametrize(
    "text",
    [
        f"{QUOTE}\n!session 2",  # "Quote" in the web client
        f"{QUOTE} !session 2",
        f"{QUOTE} {QUOTE} session 2",
        f"{QUOTE} @session.bot !session 2",  # "Reply" in the apps names the author
        "! session 2",  # keyboards of phones put a blank there
        "!\u00a0session 2",
        "!\u202fsession 2",
        "!!session 2",
        "! ! session 2",
        "> !session 2",
        "- !session 2",
        "* !session 2",
        "• !session 2",
        "1. !session 2",
        "2) session 2",
        "# !session 2",
        "👉 !session 2",
        "1\ufe0f\u20e3 !session 2",
        "👩\u200d💻 session 2",
        ":point_right: !session 2",
        ":+1: :eyes: session 2",
        "**!session 2**",
        "*!session* 2",
        "!**session** **2**",
        "_!session 2_",
        "~~!session 2~~",
        "||!session 2||",
        "“!session 2”",
        "`!session` `2`",
        "```bash\n!session 2\n```",
        "```!session 2```",
        "```\nsession 2\n```",
        "(!session 2)",
        "@session.bot! session 2",
        "@session.bot!session 2",
        "@session.bot: - !session 2",
        "**@session.bot** session 2",
        "!session! 2",
        "/session 2",
        *(f"{mark}!{mark}ses{mark}sion{mark} 2{mark}" for mark in INVISIBLE),
    ],
)
def test_a_command_is_found_behind_and_between_what_people_type(text: str) -> None:
    invocation = parse(say(text), LISTENER, is_private=True)
    assert invocation is not None
    assert (invocation.name, parse_session_words(invocation.words)) == ("session", "2")


@pytest.mark.parametrize(
    "text",
    [
        "! sesion 2",
        "!\u202fsesion 2",
        "!**sesion** 2",
        "_!sesion 2_",
        "“!sesion 2”",
        "- !sesion 2",
        "👉 !sesion 2",
        "@session.bot sesion 2",
    ],
)
def test_a_misspelt_command_counts_as_one(text: str) -> None:
    mentions = TO_BOT if "@" in text else {}
    invocation = parse(say(text, mentions=mentions), LISTENER, is_private=True)
    assert invocation is not None
    assert (invocation.name, invocation.is_prefixed) == ("sesion", True)


@pytest.mark.parametrize("text", ["**!name 2 a b**", "_!name 2 a b_", "“!name 2 a b”"])
def test_marks_around_a_command_are_no_part_of_its_words(text: str) -> None:
    invocation = parse(say(text), LISTENER, is_private=True)
    assert invocation is not None
    assert (invocation.name, invocation.words) == ("name", "2 a b")


@pytest.mark.parametrize("prefix", ["-", "*", "~", "!!", "$"])
def test_a_prefix_that_is_also_a_mark_is_a_prefix(prefix: str) -> None:
    invocation = parse(say(f"{prefix} sesion 2"), Listener(BOT, prefix), is_private=True)
    assert invocation is not None
    assert invocation.is_prefixed


@pytest.mark.parametrize(
    "text", ["(!) attention", "wow! session", "1.5 million", "@alice hi", QUOTE]
)
def test_talk_stays_talk(text: str) -> None:
    invocation = parse(say(text), LISTENER, is_private=True)
    assert invocation is None or (invocation.name != "session" and not invocation.is_prefixed)


def test_joiners_stay_in_the_words() -> None:
    invocation = parse(say("!name 2 👩\u200d💻\u00ad laptop"), LISTENER, is_private=True)
    assert invocation is not None
    assert invocation.words == "2 👩\u200d💻 laptop"


@pytest.mark.parametrize("words", ["session", "!session", "`!session`", "session?", "*Session*"])
def test_help_is_asked_for_as_help_shows_it(words: str) -> None:
    assert parse_name(words) == "session"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("?", True),
        ("？", True),  # noqa: RUF001 - full width
        ("what can you do?", True),
        ("**can you hear me?**", True),
        ("Hilfe", True),
        ("¡Ayuda!", True),
        ("ayuda por favor", True),
        ("aidez-moi", True),
        ("Aide", True),
        ("ajuda aí", True),
        ("Помогите", True),
        ("pomoc", True),
        ("ヘルプ", True),
        ("助けて", True),
        (f"{QUOTE} why?", True),
        ("thanks!", False),
        (QUOTE, False),
        ("👍", False),
        ("", False),
    ],
)
def test_a_question_is_told_from_other_talk(text: str, asks: bool) -> None:
    assert is_question(text) is asks


@pytest.mark.parametrize("text", ["", "   ", "!", "!!!", "?", "…", "\u200b"])
def test_a_direct_message_without_a_word_is_nothing(text: str) -> None:
    assert parse(say(text), LISTENER, is_private=True) is None


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("@session.bot session 2", "session", "2"),
        ("@session.bot !session 2", "session", "2"),
        ("@Session.Bot, session 2", "session", "2"),
        ("hello @session.bot session 2", "session", "2"),
        ("!session 2 @session.bot", "session", "2"),
        ("@session.bot", "help", ""),
    ],
)
def test_a_mention_in_a_channel_is_a_call(text: str, name: str, words: str) -> None:
    message = say(text, room_type=RoomType.CHANNEL, mentions=TO_BOT)
    invocation = parse(message, LISTENER, is_private=False)
    assert invocation is not None
    assert (invocation.name, invocation.words) == (name, words)


@pytest.mark.parametrize("text", ["!session 2", "session 2", "@session.bot session 2", "@all hi"])
def test_a_channel_message_that_mentions_nobody_or_others_is_not_ours(text: str) -> None:
    message = say(text, room_type=RoomType.CHANNEL, mentions={"ann": "ann"})
    assert parse(message, LISTENER, is_private=False) is None


def test_a_new_name_of_the_bot_works_before_it_is_known_otherwise() -> None:
    renamed = say("@devices session 2", room_type=RoomType.CHANNEL, mentions={BOT.id: "devices"})
    invocation = parse(renamed, LISTENER, is_private=False)
    assert invocation is not None
    assert (invocation.name, invocation.words) == ("session", "2")


@pytest.mark.parametrize("username", ["bot", "bot.", "bot-1", "b.o_t-"])
def test_a_name_is_the_bots_whatever_it_ends_in(username: str) -> None:
    text = f"@{username}-dev session 1, @{username} session 2"
    listener = Listener(Sender("botbotbot", username), "!")
    invocation = parse(say(text, mentions={"botbotbot": username}), listener, is_private=False)
    assert invocation is not None
    assert (invocation.name, invocation.words) == ("session", "2")


def test_a_name_that_only_begins_like_the_bots_is_left_in_place() -> None:
    message = say("@session.bots session 2", mentions=TO_BOT)
    invocation = parse(message, LISTENER, is_private=False)
    assert invocation is not None
    assert invocation.name == "@session.bots"


def test_leaving_out_the_prefix_is_noticed() -> None:
    with_prefix = parse(say("!hello"), LISTENER, is_private=True)
    without = parse(say("hello"), LISTENER, is_private=True)
    assert with_prefix is not None
    assert with_prefix.is_prefixed
    assert without is not None
    assert not without.is_prefixed


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": BOT},
        {"is_participant": False},
        {"is_automatic": True},
        {"system_type": "uj"},
        {"edited_at": datetime(2026, 11, 23, tzinfo=UTC)},
    ],
)
def test_echoes_edits_and_machines_are_not_people(changes: dict[str, object]) -> None:
    assert not is_spoken_by_a_person(say("!session 2", **changes), BOT)
    assert is_spoken_by_a_person(say("!session 2"), BOT)


@pytest.mark.parametrize(
    "pasted",
    [
        "QoYYFw2t9oKks2niG",
        " QoYYFw2t9oKks2niG ",
        '"QoYYFw2t9oKks2niG"',
        "`QoYYFw2t9oKks2niG`",
        "„QoYYFw2t9oKks2niG“",
        "«QoYYFw2t9oKks2niG»",
        "<QoYYFw2t9oKks2niG>",
        "\u200bQoYYFw2t9oKks2niG\ufeff",
        "ＱｏＹＹＦｗ２ｔ９ｏＫｋｓ２ｎｉＧ",  # noqa: RUF001 - full width
    ],
)
def test_an_id_is_found_inside_what_people_paste(pasted: str) -> None:
    assert parse_session_words(pasted) == "QoYYFw2t9oKks2niG"


@pytest.mark.parametrize("words", ["", "a b", "../me", "a&b=c", "é", "x" * 65])
def test_what_cannot_be_an_id_is_told_apart(words: str) -> None:
    assert not is_session_id(words)


@given(st.text(), st.booleans(), st.booleans())
def test_any_text_parses_to_an_invocation_or_none(
    text: str,
    is_private: bool,
    is_mentioned: bool,
) -> None:
    message = say(text, mentions=TO_BOT if is_mentioned else {})
    invocation = parse(message, LISTENER, is_private=is_private)
    assert invocation is None or invocation.name
    assert is_mentioned or is_private or invocation is None
    assert parse_session_words(text) == parse_session_words(parse_session_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "x" * 43,
        "aB3_-" * 8 + "aB3",
        "0123456789abcdef" * 4,
        "0123456789" * 4,
        f"my token: {'x' * 43}.",
        f"`{'x' * 43}`",
        f"!session {'a1' * 20}",
        *(mark.join("x" * 43) for mark in INVISIBLE),
        "token abcdefgh12345678",
        "TOKEN = abcdefgh12345678",
        "the token is 'abcdefgh12345678'",
    ],
)
def test_a_token_is_recognised(text: str) -> None:
    assert has_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!session QoYYFw2t9oKks2niG",
        "token",
        "what is a token?",
        "token authentication-works-fine",
        "x" * 42,
        "x" * 44,
        f"https://bot.example.org/connect/{'x' * 43}",
        f"https://chat.example.org/direct/{'a1' * 20}?msg=QoYYFw2t9oKks2niG",
        "6b047f5fc4438dac7dd7690f",
        "one two three " * 20,
    ],
)
def test_what_is_no_token_is_left_alone(text: str) -> None:
    assert not has_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "token" * 40_000,
        "token-" * 40_000,
        "token " * 40_000,
        "token is" + "!" * 200_000,
        "token is" + " " * 200_000,
        "token " + "is " * 60_000,
        "token" + "\N{ZERO WIDTH SPACE}" * 200_000,
        "token " + "a" * 200_000,
        "-" * 200_000,
        ":" * 200_000,
        ":-" * 100_000,
        "[ " * 100_000,
        "[](http://" * 20_000,
        "```a" * 50_000,
        "@sessions" * 20_000,
        "#" * 200_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_long_text_takes_no_longer_than_its_length(text: str) -> None:
    began_at = time.process_time()
    has_token(text)
    is_question(text)
    parse(say(text), LISTENER, is_private=True)
    # It takes milliseconds; what is quadratic takes minutes.
    assert time.process_time() - began_at < 2
