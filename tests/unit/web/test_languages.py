import pytest

from bot.web.templating import parse_accepted_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.5, fr;q=0.9", "fr"),
        ("pt-PT", "pt_BR"),
        ("it, ja;q=0.1", "ja"),
        ("it, ja;q=0", "en"),
        ("es, ru", "es"),
        ("*", "en"),
        ("ru;q=1.000 , pl", "ru"),
        ("ru ; q = 0.3, pl;q=0.2", "pl"),  # not as the standard writes it
        ("'; DROP TABLE, <script>, ru;q=99", "en"),
        ("de," * 2000, "de"),
    ],
)
def test_the_language_that_a_browser_likes_best_is_taken(header: str, language: str) -> None:
    assert parse_accepted_language(header) == language
