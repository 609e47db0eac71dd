import ipaddress
import re
from datetime import UTC, datetime

import pytest

from rocketchat_simulator import Workspace
from rocketchat_simulator.demo.seed import EXAMPLE_SESSION_ID, DemoPeople, seed
from rocketchat_simulator.workspace.documents import to_iso
from rocketchat_simulator.workspace.versions import VERSIONS, Version

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DOCUMENTATION = [
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
]


@pytest.fixture(params=list(VERSIONS.values()), ids=list(VERSIONS))
def workspace(request: pytest.FixtureRequest) -> Workspace:
    version: Version = request.param
    return Workspace(version=version, now=lambda: NOW)


@pytest.fixture
def people(workspace: Workspace) -> DemoPeople:
    return seed(workspace)


def test_everybody_has_a_language_a_place_in_general_and_a_room_with_the_bot(
    workspace: Workspace, people: DemoPeople
) -> None:
    assert (people.alice.language, people.alice.utc_offset) == ("en", 0)
    assert (people.bob.language, people.bob.utc_offset) == ("de", 1)
    for visitor in people.visitors:
        rooms = workspace.rooms.of(visitor)
        assert {room.type for room in rooms} == {"c", "d"}
        direct = workspace.direct_room(visitor, people.bot)
        assert direct in rooms
        assert workspace.messages.of(direct) == []


def test_general_holds_talk_of_yesterday_and_no_notice_of_people_joining(
    workspace: Workspace, people: DemoPeople
) -> None:
    general = workspace.rooms.find_by_name("general")
    assert general is not None
    said = workspace.messages.of(general)
    assert len(said) == 5
    assert {message["u"]["_id"] for message in said} == {visitor.id for visitor in people.visitors}
    assert all(message["ts"] < NOW and "t" not in message for message in said)


def test_the_bot_has_a_token_of_its_own_that_is_not_shown(
    workspace: Workspace, people: DemoPeople
) -> None:
    assert workspace.user_of_token(people.bot_token) is people.bot
    assert set(people.bot.roles) == {"user", "bot"}
    assert people.bot_token not in repr(people)


def test_the_example_session_is_the_one_of_the_documentation(
    workspace: Workspace, people: DemoPeople
) -> None:
    row = workspace.sessions.find(EXAMPLE_SESSION_ID, owner=people.alice)
    assert row is not None
    assert row["device"] == {
        "type": "browser",
        "name": "Chrome",
        "longVersion": "113.0.0.0",
        "os": {"name": "Windows", "version": "10"},
        "version": "113.0.0",
    }
    assert (row["ip"], row["host"]) == ("172.20.0.2", "localhost:3000")
    assert to_iso(row["loginAt"]) == "2023-05-23T16:33:45.202Z"
    assert to_iso(row["closedAt"]) == to_iso(row["lastActivityAt"]) == "2023-05-23T17:56:31.599Z"


def test_alice_sees_ten_devices_and_bob_three(workspace: Workspace, people: DemoPeople) -> None:
    listed = workspace.sessions.list(workspace.sessions.rows_of(people.alice))
    assert len(listed) == 10
    assert listed[-1]["sessionId"] == EXAMPLE_SESSION_ID
    assert len(workspace.sessions.list(workspace.sessions.rows_of(people.bob))) == 3


def test_a_session_that_alice_logged_out_is_found_but_not_listed(
    workspace: Workspace, people: DemoPeople
) -> None:
    rows = workspace.sessions.rows_of(people.alice)
    [gone] = [row for row in rows if "logoutAt" in row]
    assert gone["logoutBy"] == people.alice.id
    assert gone["logoutAt"] < NOW
    assert workspace.sessions.find(gone["sessionId"]) is gone
    assert gone not in workspace.sessions.list(rows)


def test_ids_look_like_meteors_and_addresses_belong_to_nobody(
    workspace: Workspace, people: DemoPeople
) -> None:
    rows = [row for visitor in people.visitors for row in workspace.sessions.rows_of(visitor)]
    ids = [row["sessionId"] for row in rows]
    assert len(set(ids)) == len(ids) == 14
    alphabet = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"
    for id_ in ids:
        assert re.fullmatch(f"[{alphabet}]{{17}}", id_) or id_ == EXAMPLE_SESSION_ID, id_
    addresses = [ipaddress.ip_address(row["ip"]) for row in rows if row.get("ip")]
    assert all(is_harmless(address) for address in addresses)
    assert len(addresses) == len(rows) - 1


def is_harmless(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_private or any(address in network for network in DOCUMENTATION)


def test_the_scripts_session_belongs_to_a_personal_access_token(
    workspace: Workspace, people: DemoPeople
) -> None:
    rows = workspace.sessions.rows_of(people.alice)
    [script] = [row for row in rows if row.get("device", {}).get("type") == "other"]
    assert people.alice.tokens[script["loginToken"]].name == "nightly backup"
