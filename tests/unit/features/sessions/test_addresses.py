import pytest

from bot.features.sessions.addresses import find_network, is_private


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("198.51.100.4, 10.0.0.6", "198.51.100.0/24"),
        ("10.1.2.3, 192.168.0.1", "10.1.2.0/24, 192.168.0.0/24"),
        # What a client wrote in front of its real address must not hide that one.
        ("198.51.100.4, 192.0.2.99", "198.51.100.0/24, 192.0.2.0/24"),
        ("unknown, 192.0.2.99", "192.0.2.0/24"),
        ("192.0.2.99, 192.0.2.98", "192.0.2.0/24"),
        ("unknown", "unknown"),
        ("203.0.113.300", "203.0.113.300"),
        ("", ""),
    ],
)
def test_the_network_of_an_address(ip: str, network: str) -> None:
    assert find_network(ip) == network


def test_a_list_is_private_where_all_of_it_is() -> None:
    assert is_private("10.1.2.3, 192.168.0.1")
    assert not is_private("198.51.100.4, 10.0.0.6")
    assert not is_private("unknown, 10.0.0.6")
    assert not is_private("unknown")
