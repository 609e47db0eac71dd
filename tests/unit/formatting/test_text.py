import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formatting.locale import UserLocale
from bot.formatting.text import code, cut_lines, escape, shorten, utf16_length

MARKDOWN = set("*_~`[]<>|#$\\\n\r\t")


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("Chrome", "Chrome"),
        ("a\nb\r\nc", "a b c"),
        ("*bold* _it_", "∗bold∗ ˍitˍ"),  # noqa: RUF001 - the look-alikes are the point
        ("@all", "@\u2060all"),
        ("[x](https://evil.example)", "(x)(https:\u2060//evil.\u2060example)"),
        ("\u202eevil", "evil"),
        ("  spaced   out ", "spaced out"),
        ("113.0.0", "113.0.0"),
    ],
)
def test_text_from_outside_is_made_harmless(hostile: str, harmless: str) -> None:
    assert escape(hostile) == harmless


@given(st.text())
def test_nothing_from_outside_keeps_its_markdown_or_its_line_breaks(text: str) -> None:
    harmless = escape(text)
    assert not MARKDOWN & set(harmless)
    assert "@\u2060" in harmless or "@" not in harmless
    assert len(harmless) <= 4 * 60


@given(st.text())
def test_code_cannot_be_broken_out_of(text: str) -> None:
    shown = code(text)
    assert not shown or (shown.count("`") == 2 and "\n" not in shown)


def test_ten_thousand_characters_are_cut() -> None:
    assert escape("x" * 10_000) == "x" * 59 + "…"


def test_emoji_of_several_parts_stay_whole() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert escape(family) == family


def test_an_accent_is_not_cut_from_its_letter() -> None:
    assert shorten("abcde\u0301f", 6) == "abcd…"


def test_length_is_counted_as_the_server_does() -> None:
    assert utf16_length("aé😀") == 4


def test_lines_are_cut_as_a_whole_and_it_is_said() -> None:
    lines = [f"line {number:03}" for number in range(100)]
    kept = cut_lines(lines, UserLocale(), limit=90)
    assert kept == [*lines[:10], "… and 90 more lines"]
    assert cut_lines(lines, UserLocale()) == lines
