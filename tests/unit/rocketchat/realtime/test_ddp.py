import pytest
from structlog.testing import capture_logs

from bot.rocketchat.realtime.ddp import SampledWarnings, format_origin
from bot.rocketchat.realtime.websocket import format_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://chat.example.org", "wss://chat.example.org/websocket"),
        ("http://127.0.0.1:3000/", "ws://127.0.0.1:3000/websocket"),
        ("https://example.org/chat/?a=1#b", "wss://example.org/chat/websocket"),
        ("http://[::1]:3000", "ws://[::1]:3000/websocket"),
    ],
)
def test_the_websocket_has_the_address_of_the_workspace(url: str, address: str) -> None:
    assert format_address(url) == address


def test_a_flood_of_oddities_is_logged_ever_more_seldom() -> None:
    oddities = SampledWarnings()
    with capture_logs() as logs:
        for _ in range(1000):
            oddities.note("an unknown frame")
        oddities.note("another thing")
    assert [log["count"] for log in logs] == [2**power for power in range(10)] + [1]


def test_the_origin_of_an_error_is_told_without_its_text() -> None:
    def fail() -> None:
        raise KeyError("private words")

    with pytest.raises(KeyError) as raised:
        fail()
    assert format_origin(raised.value).startswith("KeyError in fail, line ")
    assert format_origin(KeyError("never raised")) == "KeyError"
