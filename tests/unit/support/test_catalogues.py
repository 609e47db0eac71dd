from collections.abc import Iterator
from string import Formatter
from typing import Any

from tests.support.catalogues import GERMAN, Text, find_texts, load


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def read_pairs() -> Iterator[tuple[Text, list[str], list[str]]]:
    for message in load(GERMAN):
        found: tuple[Any, Any] = message.id, message.string
        texts, translations = ([each] if isinstance(each, str) else list(each) for each in found)
        if texts != [""]:
            yield (texts[0] if len(texts) == 1 else (texts[0], texts[1])), texts, translations


def test_every_text_is_translated_and_nothing_else_is_in_the_catalogue() -> None:
    translated = {key for key, _, translations in read_pairs() if all(translations)}
    assert translated == find_texts(), "make texts, then translate what is new"


def test_a_translation_fills_the_same_names() -> None:
    for _, texts, translations in read_pairs():
        for text, translation in zip(texts, translations, strict=True):
            assert names_in(text) == names_in(translation), text
