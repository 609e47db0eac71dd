import pytest

from tests.support.house_words import find_hits_in


def find_words(text: str, path: str = "bot/example.py") -> list[str]:
    return [hit.word for hit in find_hits_in(path, text)]


@pytest.mark.parametrize(
    "line",
    [
        "class Desk: ...",
        "def open_desk(): ...",
        "def run(*, desk): ...",
        "desk = 1",
        "self.main_desk = 1",
        "import counter as desk",
    ],
)
def test_a_name_is_found_where_it_is_defined(line: str) -> None:
    assert find_words(line) == ["desk"]


@pytest.mark.parametrize(
    "line",
    [
        "print(other.desk)",
        "match 1:\n    case 1: ...",
        "@dataclass(slots=True)\nclass Item: ...",
        "desktop = 1",
    ],
)
def test_names_of_others_and_longer_words_are_not_found(line: str) -> None:
    assert find_words(line) == []


def test_classes_and_modules_are_found_whole() -> None:
    assert find_words("class Known: ...\nclass KnownDevices: ...\nknown = 1") == ["known"]
    assert find_words("", "bot/values.py") == ["values"]


def test_constants_say_how_many_and_not_much() -> None:
    assert find_words("MOST_LINES = 1\nmost_lines = 1\n_A_FEW = 2") == ["most", "few"]


def test_phrases_are_found_in_comments_docstrings_and_sentences() -> None:
    text = '''"""Whoever reads."""\n# Kept for good.\nprint("nobody else knows")\n'''
    assert sorted(find_words(text)) == ["Whoever", "for good", "nobody else"]
    assert find_words("one line\nin hand", "docs/page.md") == ["in hand"]


def test_docstrings_do_not_open_with_give() -> None:
    text = '''def one():\n    """Give it."""\n\ndef two():\n    """Forgive."""\n'''
    assert find_words(text) == ["Give"]


def test_an_exception_holds_in_its_file_only() -> None:
    assert find_words("consent = 1", "bot/rocketchat/oauth.py") == []
    assert find_words("consent = 1", "bot/rocketchat/client.py") == ["consent"]
