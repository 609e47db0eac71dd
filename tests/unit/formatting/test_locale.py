from datetime import UTC, datetime

import pytest

from bot.formatting.locale import UserLocale, find_language

NOON = datetime(2026, 11, 23, 17, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("de-IN", "de"),
        ("de-AT", "de"),
        ("pt-BR", "pt_BR"),
        ("pt_br", "pt_BR"),
        ("pt", "pt_BR"),
        ("ja", "ja"),
        ("it", ""),
        ("", ""),
        ("zh-TW", ""),
        ("russian", ""),
    ],
)
def test_a_tag_is_served_by_the_nearest_language(tag: str, language: str) -> None:
    assert find_language(tag) == language


@pytest.mark.parametrize(
    ("language", "time"),
    [
        ("en", "Mon 23 Nov 2026, 17:40"),
        ("de-IN", "Mo., 23. Nov. 2026, 17:40"),
        ("es", "lun, 23 nov 2026, 17:40"),
        ("fr", "lun. 23 nov. 2026, 17:40"),
        ("pt-BR", "seg., 23 de nov. de 2026 17:40"),
        ("ru", "пн, 23 нояб. 2026\u202f\u0433., 17:40"),
        ("pl", "pon., 23 lis 2026, 17:40"),
        ("ja", "2026年11月23日(月) 17:40"),
        ("it", "Mon 23 Nov 2026, 17:40"),  # no mixture with English sentences
    ],
)
def test_times_lists_and_numbers_are_written_as_in_the_language(language: str, time: str) -> None:
    locale = UserLocale(language)
    assert locale.time_with_weekday(NOON).replace("\xa0", "\u202f") == time
    assert locale.join(("a", "", "b")) == ("a、b" if language == "ja" else "a, b")
    assert locale.number(0.5) == ("0.5" if language in {"en", "it", "ja"} else "0,5")
    assert locale.number(12345).replace("\xa0", " ").replace("\u202f", " ") in {
        "12,345",
        "12.345",
        "12 345",
    }


@pytest.mark.parametrize(
    ("count", "russian", "polish", "french"),
    [
        (0, "0 устройств", "0 urządzeń jest", "0 appareil est"),
        (1, "1 устройстве", "1 urządzenie jest", "1 appareil est"),
        (2, "2 устройствах", "2 urządzenia są", "2 appareils sont"),
        (5, "5 устройствах", "5 urządzeń jest", "5 appareils sont"),
        (12, "12 устройствах", "12 urządzeń jest", "12 appareils sont"),
        (21, "21 устройстве", "21 urządzeń jest", "21 appareils sont"),
        (22, "22 устройствах", "22 urządzenia są", "22 appareils sont"),
    ],
)
def test_each_number_has_its_plural_form(
    count: int, russian: str, polish: str, french: str
) -> None:
    one, many = "{count} device is signed in as you", "{count} devices are signed in as you"
    for language, words in (("ru", russian), ("pl", polish), ("fr", french)):
        assert words in UserLocale(language).plural(one, many, count)


def test_placeholders_of_commands_are_translated() -> None:
    assert UserLocale("de").call("logout <id or number>") == "`!logout <ID oder Nummer>`"
    assert UserLocale("fr", prefix="?").call("help [command]") == "`?help [commande]`"
    assert UserLocale().call("help [command]") == "`!help [command]`"
