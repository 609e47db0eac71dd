"""Places of addresses: from a file of the operator's, which may be missing or damaged."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.errors import ConfigError
from bot.features.sessions.addresses import describe_places, open_places
from bot.features.sessions.device_names import format_ip
from bot.formatting.locale import UserLocale
from bot.models import Session
from tests.support.places import LISBON, SWITZERLAND, write_places

PLACES = {
    "203.0.113.0/24": LISBON,
    "2001:db8:1::/48": LISBON,
    "198.51.100.0/24": SWITZERLAND,
    "192.0.2.0/24": {"city": "São_Paulo @all", "country": "BR", "country_code": "BR"},
    "10.0.0.0/8": LISBON,
    "198.18.1.0/24": {"country": {"names": {"en": "Nowhere"}}},
    "198.18.2.0/24": "a text",
    "198.18.3.0/24": {"city": {"names": ["Lisbon"]}, "country": {"iso_code": "PT"}},
    "198.18.4.0/24": {"city": {"names": {"en": 7}}, "country": "Portugal"},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("places") / "places.mmdb", PLACES)


def show(file: Path | None, ip: str, language: str = "en") -> str:
    with open_places(file) as places:
        session = Session("s", ip=ip)
        return format_ip(places.locate(session) if places else session, UserLocale(language))


@pytest.mark.parametrize(
    ("ip", "shown"),
    [
        ("203.0.113.7", "`203.0.113.7` (near Lisbon, Portugal)"),
        ("2001:db8:1::7", "`2001:db8:1::7` (near Lisbon, Portugal)"),
        ("198.51.100.4", "`198.51.100.4` (Switzerland)"),
        ("192.0.2.4", "`192.0.2.4` (near SãoˍPaulo @\u2060all, Brazil)"),
        ("198.18.3.1", "`198.18.3.1` (Portugal)"),
        # In no network, or in one whose record tells no country.
        ("198.18.9.9", "`198.18.9.9`"),
        ("198.18.1.1", "`198.18.1.1`"),
        ("198.18.2.1", "`198.18.2.1`"),
        ("198.18.4.1", "`198.18.4.1`"),
        # Private ones have no place, whatever the file says.
        ("10.1.2.3", "`10.1.2.3` (private network)"),
        # Of a list the one that is public; which of two is the client's is not known.
        ("10.1.2.3, 203.0.113.7", "`10.1.2.3, 203.0.113.7` (near Lisbon, Portugal)"),
        ("198.51.100.4, 203.0.113.7", "`198.51.100.4, 203.0.113.7`"),
        ("no address", "`no address`"),
        ("", "not recorded"),
    ],
)
def test_a_public_address_is_shown_with_its_place(file: Path, ip: str, shown: str) -> None:
    assert show(file, ip) == shown


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("de", "`203.0.113.7` (nahe Lissabon, Portugal)"),
        ("de-IN", "`203.0.113.7` (nahe Lissabon, Portugal)"),
        ("xx", "`203.0.113.7` (near Lisbon, Portugal)"),
    ],
)
def test_a_place_is_named_in_the_persons_language(file: Path, language: str, shown: str) -> None:
    assert show(file, "203.0.113.7", language) == shown


@pytest.mark.parametrize("language", ["pt-BR", "pt", "pt-PT"])
def test_a_city_is_named_in_a_variant_of_the_language(file: Path, language: str) -> None:
    assert "Lisboa, Portugal" in show(file, "203.0.113.7", language)


def test_without_a_file_an_address_is_shown_alone() -> None:
    assert show(None, "203.0.113.7") == "`203.0.113.7`"


def make_text(folder: Path) -> Path:
    file = folder / "text.mmdb"
    file.write_bytes(b"no database " * 1000)
    return file


def make_empty(folder: Path) -> Path:
    file = folder / "empty.mmdb"
    file.touch()
    return file


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: folder / "none.mmdb", "none.mmdb cannot be read: No such file"),
        (lambda folder: folder, "cannot be read: Is a directory"),
        (make_text, "text.mmdb is no MaxMind DB file"),
        (make_empty, "empty.mmdb cannot be read: Invalid argument"),
    ],
    ids=["absent", "a folder", "a text", "empty"],
)
def test_a_file_that_cannot_be_read_is_told_and_stops_nothing(
    tmp_path: Path,
    make: Callable[[Path], Path],
    problem: str,
) -> None:
    file = make(tmp_path)
    with capture_logs() as logs:
        assert show(file, "203.0.113.7") == "`203.0.113.7`"
    assert problem in logs[0]["problem"]
    with pytest.raises(ConfigError, match=problem):
        describe_places(file)


def test_without_the_library_it_says_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    assert show(file, "203.0.113.7") == "`203.0.113.7`"
    with pytest.raises(ConfigError, match="run: make install EXTRAS=places"):
        describe_places(file)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=200))
def test_a_damaged_file_costs_no_answer(file: Path, at: int, damage: bytes) -> None:
    content = file.read_bytes()
    at %= len(content)
    damaged = file.with_name("damaged.mmdb")
    damaged.write_bytes(content[:at] + damage + content[at + len(damage) :])
    assert show(damaged, "203.0.113.7").startswith("`203.0.113.7`")


def test_a_file_that_is_overwritten_costs_no_answer(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.mmdb"
    own.write_bytes(file.read_bytes())
    with open_places(own) as places:
        own.write_bytes(b"")
        assert places
        assert places.locate(Session("s", ip="203.0.113.7")).place is None


def test_its_type_and_day_are_told(file: Path) -> None:
    assert describe_places(file).startswith("Test-City of 20")
