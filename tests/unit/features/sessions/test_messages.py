import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.features.sessions.messages import describe_state, format_session
from bot.formatting.colours import Colour
from bot.formatting.locale import UserLocale
from bot.formatting.text import MESSAGE_LIMIT, utf16_length
from bot.models import Device, Fact, OperatingSystem, Reply, Session
from bot.rocketchat.wire import parse_session

NOW = datetime(2026, 11, 23, 20, 40, tzinfo=UTC)
SESSION = Session(
    "AABFeBFJaJ6zEEJwF",
    "alice-id",
    Device("browser", "Firefox", "131.0", "131.0", OperatingSystem("Windows", "10")),
    "203.0.113.7",
    "chat.example.org",
    logged_in_at=NOW - timedelta(hours=3),
)
LOCALE = UserLocale()
ODD_TEXT = st.one_of(
    st.none(),
    st.text(),
    st.just(""),
    st.sampled_from(["@all", "*x*\n# y", "x" * 10_000]),
    st.integers(),
)
DATES = st.one_of(
    st.none(),
    st.just("2026-11-22T23:59:59.999Z"),
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(lambda day: f"{day.isoformat()}Z"),  # noqa: DTZ001 - becomes text
)


def all_texts(reply: Reply) -> list[str]:
    attachment = reply.attachment
    if attachment is None:
        return [reply.text]
    pairs = [text for fact in attachment.facts for text in (fact.title, fact.value)]
    return [reply.text, *pairs, *filter(None, (attachment.title, attachment.text))]


def test_a_connected_session_is_green_and_complete() -> None:
    reply = format_session(SESSION, LOCALE, NOW)
    assert reply.text == "Firefox 131 on Windows 10 or 11: connected now"
    assert reply.attachment is not None
    assert reply.attachment.colour == Colour.GREEN
    assert {fact.title: fact.value for fact in reply.attachment.facts} == {
        "Signed in": "23 Nov 2026, 17:40 (3 hours ago)",
        "IP address": "`203.0.113.7`",
        "Host": "`chat.example.org`",
        "Session": "`AABFeBFJaJ6zEEJwF`",
        "Not you?": "Send `!logout AABFeBFJaJ6zEEJwF`",
    }


def test_times_are_in_the_persons_zone() -> None:
    reply = format_session(SESSION, UserLocale(zone=ZoneInfo("Asia/Tokyo")), NOW)
    assert "24 Nov 2026, 02:40 (3 hours ago)" in all_texts(reply)


def test_the_persons_own_name_stands_above() -> None:
    reply = format_session(SESSION, LOCALE, NOW, name="kitchen *tablet*", reference="2")
    assert reply.attachment is not None
    assert reply.attachment.title == "kitchen ∗tablet∗"  # noqa: RUF001 - harmless
    assert reply.attachment.facts[-1].value == "Send `!logout 2`"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "connected now"),
        ({"last_activity_at": NOW - timedelta(hours=1)}, "connected now"),
        (
            {"last_activity_at": datetime(2026, 11, 22, 23, 59, 59, 999_000, UTC)},
            "still connected at midnight of 22 Nov 2026",
        ),
        ({"closed_at": NOW - timedelta(hours=2)}, "not connected, last seen 2 hours ago"),
        (
            {
                "closed_at": NOW - timedelta(hours=2),
                "last_activity_at": NOW - timedelta(days=1),
            },
            "not connected, last seen 1 day ago",
        ),
        ({"logged_out_at": NOW - timedelta(days=3)}, "signed out 3 days ago"),
        ({"is_activity_recorded": False}, "signed in"),
    ],
)
def test_the_state_is_told_without_guessing(changes: dict[str, object], text: str) -> None:
    session = replace(SESSION, **changes)  # type: ignore[arg-type]
    reply = format_session(session, LOCALE, NOW)
    assert reply.text.endswith(f": {text}")
    # It is said once: the facts add only the exact time.
    assert text not in "\n".join(all_texts(reply)[1:])


@pytest.mark.parametrize(
    ("by", "ending"),
    [("alice-id", ", by you"), ("admin-id", ", by an administrator"), ("", "")],
)
def test_it_is_said_who_signed_a_session_out(by: str, ending: str) -> None:
    session = replace(SESSION, logged_out_at=NOW - timedelta(days=3), logged_out_by=by)
    fact = Fact("Signed out", f"20 Nov 2026, 20:40{ending}")
    assert describe_state(session, LOCALE, NOW).fact == fact


def test_a_signed_out_session_offers_no_signing_out() -> None:
    reply = format_session(replace(SESSION, logged_out_at=NOW), LOCALE, NOW)
    assert "Not you?" not in all_texts(reply)


def test_a_session_with_nothing_recorded_says_so() -> None:
    reply = format_session(Session("x" * 17), LOCALE, NOW)
    values = [fact.value for fact in (reply.attachment.facts if reply.attachment else ())]
    assert values.count("not recorded") == 3


@given(
    st.fixed_dictionaries(
        {"sessionId": st.text("abcdefXYZ234-", min_size=10, max_size=64)},
        optional={
            "userId": ODD_TEXT,
            "ip": ODD_TEXT,
            "host": ODD_TEXT,
            "loginAt": DATES,
            "closedAt": DATES,
            "logoutAt": DATES,
            "logoutBy": ODD_TEXT,
            "lastActivityAt": DATES,
            "createdAt": DATES,
            "loginToken": st.just("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="),
            "searchTerm": st.just("secret search term"),
            "device": st.one_of(
                st.none(),
                st.fixed_dictionaries(
                    {},
                    optional={
                        "type": ODD_TEXT,
                        "name": ODD_TEXT,
                        "version": ODD_TEXT,
                        "longVersion": ODD_TEXT,
                        "os": st.one_of(
                            st.none(),
                            st.fixed_dictionaries(
                                {}, optional={"name": ODD_TEXT, "version": ODD_TEXT}
                            ),
                        ),
                    },
                ),
            ),
        },
    ),
    st.sampled_from(["en", "de", "pt-BR", "ar", "zh-TW", "", "no such language"]),
)
def test_any_session_document_makes_a_reply_that_fits(
    document: dict[str, object], language: str
) -> None:
    reply = format_session(parse_session(document), UserLocale(language), NOW)
    texts = all_texts(reply)
    assert sum(map(utf16_length, texts)) < MESSAGE_LIMIT
    assert all(text.strip() for text in texts)
    whole = "\n".join(texts)
    assert "None" not in whole
    assert "secret" not in whole.casefold()
    assert "c2VjcmV0" not in whole
    assert not re.search(r"@(?!\u2060)", whole)
    assert not set("*_~[]#") & set("".join(re.split(r"`[^`]*`", whole)))
