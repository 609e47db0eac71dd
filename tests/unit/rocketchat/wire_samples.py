from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 9, 1, 12, 0, 0, 120_000, tzinfo=UTC)
NOON_MS = 1788264000120
HASH = "h4shh4shh4shh4shh4shh4shh4shh4shh4shh4shh4s="

SAID: dict[str, Any] = {
    "_id": "RPq5Q7sz4HmB3gfRn",
    "rid": "6b04800d478b22167478780e",
    "msg": "!session 2",
    "ts": {"$date": NOON_MS},
    "u": {"_id": "XkrFP3QSjxs4auNgc", "username": "alice", "name": "Alice"},
    "_updatedAt": {"$date": NOON_MS + 17},
    "mentions": [],
    "channels": [],
    "urls": [],
}

ROW: dict[str, Any] = {
    "_id": "66f2b1d0c0ffee0012345678",
    "type": "session",
    "sessionId": "hQ7rXk2Zs9TtYw3Ab",
    "userId": "u9kQ2mXw7TzP4sLrE",
    "host": "chat.example.org",
    "ip": "203.0.113.7",
    "device": {
        "type": "browser",
        "name": "Firefox",
        "longVersion": "131.0",
        "version": "131.0",
        "os": {"name": "Windows", "version": "10"},
    },
    "roles": ["user"],
    "loginAt": "2026-09-01T12:00:00.120Z",
    "searchTerm": "FirefoxbrowserWindows",
    "loginToken": HASH,
    "success": True,
}
