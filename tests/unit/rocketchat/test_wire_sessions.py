import pytest

from bot.errors import ProtocolError
from bot.models import (
    Device,
    OperatingSystem,
    Room,
    RoomType,
    Session,
    User,
)
from bot.rocketchat.wire import (
    parse_public_setting,
    parse_room,
    parse_session,
    parse_user,
)
from tests.unit.rocketchat.wire_samples import HASH, NOON, NOON_MS, ROW


def test_a_session_is_parsed_without_the_hash_of_its_token() -> None:
    session = parse_session(ROW)

    assert session == Session(
        id="hQ7rXk2Zs9TtYw3Ab",
        user_id="u9kQ2mXw7TzP4sLrE",
        device=Device("browser", "Firefox", "131.0", "131.0", OperatingSystem("Windows", "10")),
        ip="203.0.113.7",
        host="chat.example.org",
        logged_in_at=NOON,
        is_activity_recorded=False,
    )
    assert HASH not in repr(session)


@pytest.mark.parametrize("key", ["_updatedAt", "createdAt"])
def test_a_whole_row_tells_whether_its_session_is_connected(key: str) -> None:
    assert parse_session({**ROW, key: NOON_MS}).is_activity_recorded


def test_a_session_that_ended_says_when_and_by_whom() -> None:
    session = parse_session(
        {
            **ROW,
            "closedAt": NOON_MS,
            "lastActivityAt": NOON_MS,
            "logoutAt": NOON_MS,
            "logoutBy": "x",
        }
    )

    assert session.closed_at == session.last_activity_at == session.logged_out_at == NOON
    assert session.logged_out_by == "x"


def test_a_session_with_nothing_but_its_id_is_empty() -> None:
    assert parse_session({"sessionId": "abc"}) == Session("abc", is_activity_recorded=False)


def test_the_id_of_the_database_row_is_no_session_id() -> None:
    with pytest.raises(ProtocolError):
        parse_session({"_id": "66f2b1d0c0ffee0012345678"})


def test_a_device_without_a_system_version_is_parsed() -> None:
    device = parse_session(
        {**ROW, "device": {"type": "desktop-app", "os": {"name": "Linux"}}}
    ).device

    assert device == Device(type="desktop-app", os=OperatingSystem("Linux"))


def test_a_user_is_parsed() -> None:
    user = parse_user(
        {
            "_id": "u1",
            "username": "ann",
            "name": "Ann",
            "utcOffset": 5.5,
            "settings": {"preferences": {"language": "pt-BR"}},
            "language": "en",
            "services": {"password": {"exists": True}},
        }
    )

    assert user == User("u1", "ann", "Ann", 5.5, "pt-BR")


def test_a_user_without_preferences_has_the_accounts_language() -> None:
    assert parse_user({"_id": "u1", "language": "de"}) == User("u1", "", language="de")


@pytest.mark.parametrize("chosen", ["default", "", None, 7])
def test_no_language_of_ones_own_is_none(chosen: object) -> None:
    user = {"_id": "u1", "settings": {"preferences": {"language": chosen}}}
    assert parse_user(user).language == ""
    assert parse_user(user | {"language": "de"}).language == "de"


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"settings": [{"_id": "Language", "value": "pt-BR"}]}, "pt-BR"),
        ({"settings": [{"_id": "Site_Name", "value": "de"}, {"_id": "Language"}]}, ""),
        # What a server answers that does not know the filter: other settings.
        ({"settings": [{"_id": "API_Apply_permission", "value": False}]}, None),
        ({"settings": ["Language", None, {"value": "de"}]}, None),
        ({"settings": None}, None),
        ({}, None),
    ],
)
def test_only_the_setting_of_that_name_counts(answer: dict[str, object], value: str | None) -> None:
    assert parse_public_setting(answer, "Language") == value


@pytest.mark.parametrize("offset", [None, "1", True, float("nan"), float("inf"), 25, -99])
def test_an_impossible_utc_offset_is_none(offset: object) -> None:
    assert parse_user({"_id": "u1", "utcOffset": offset}).utc_offset is None


@pytest.mark.parametrize("key", ["_id", "rid"])
def test_a_room_is_parsed(key: str) -> None:
    room = parse_room({key: "r1", "t": "d", "uids": ["ann", 7, "bot"]})

    assert room == Room("r1", RoomType.DIRECT, ("ann", "bot"))
