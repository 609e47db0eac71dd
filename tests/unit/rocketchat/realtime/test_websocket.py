import pytest

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
def test_the_websocket_address_follows_from_the_url(url: str, address: str) -> None:
    assert format_address(url) == address
