import gettext
import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest
from babel.messages.plurals import get_plural

from tests.support.catalogues import TRANSLATED, Text, find_texts, load

in_each_language = pytest.mark.parametrize("language", TRANSLATED)


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def read_pairs(language: str) -> Iterator[tuple[Text, list[str], list[str]]]:
    for message in load(language):
        found: tuple[Any, Any] = message.id, message.string
        texts, translations = ([each] if isinstance(each, str) else list(each) for each in found)
        if texts != [""]:
            yield (texts[0] if len(texts) == 1 else (texts[0], texts[1])), texts, translations


def list_numbers(language: str) -> dict[int, set[int]]:
    """Return for which numbers each plural form is used; 0 is not counted things."""
    choose = gettext.c2py(get_plural(language).plural_expr)
    used: dict[int, set[int]] = {}
    for number in range(200):
        used.setdefault(choose(number), set()).add(number)
    return used


@in_each_language
def test_every_text_is_translated_and_nothing_else_is_in_the_catalogue(language: str) -> None:
    translated = {key for key, _, translations in read_pairs(language) if all(translations)}
    assert translated == find_texts(), "make texts, then translate what is new"


@in_each_language
def test_a_translation_fills_the_same_names(language: str) -> None:
    for _, texts, translations in read_pairs(language):
        if len(texts) == 1:
            assert names_in(texts[0]) == names_in(translations[0]), texts


@in_each_language
def test_every_plural_form_fills_the_names_that_its_numbers_need(language: str) -> None:
    used = list_numbers(language)
    for _, texts, translations in read_pairs(language):
        if len(texts) == 1:
            continue
        assert len(translations) == len(used), texts
        for form, translation in enumerate(translations):
            # "lost once" is enough where the form is for the number 1 alone.
            allowed = texts if used[form] == {1} else texts[1:]
            assert names_in(translation) in [names_in(each) for each in allowed], translation


@in_each_language
def test_markup_and_commands_are_kept(language: str) -> None:
    for _, texts, translations in read_pairs(language):
        for translation in translations:
            assert sorted(find_marks(translation)) == sorted(find_marks(texts[-1])), translation


@in_each_language
def test_words_that_people_type_are_kept(language: str) -> None:
    for _, texts, translations in read_pairs(language):
        for word in re.findall(r'"([a-z][a-z ]*)"', texts[0]):
            assert all(word in each for each in translations), (word, translations)


def find_marks(text: str) -> list[str]:
    """Return what must stay as it is: tags and links in Markdown."""
    return re.findall(r"</?[a-z][^<>]*>|\]\(\{link\}\)", text)
