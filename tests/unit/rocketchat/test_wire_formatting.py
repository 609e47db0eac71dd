import json
from datetime import timedelta, timezone

import pytest

from bot.models import (
    Attachment,
    Button,
    Fact,
    OutgoingMessage,
)
from bot.rocketchat.wire import (
    format_message,
)
from tests.unit.rocketchat.wire_samples import NOON


def test_a_plain_message_has_no_empty_keys() -> None:
    assert format_message(OutgoingMessage("m1", "r1", "hello", NOON)) == {
        "message": {"_id": "m1", "rid": "r1", "msg": "hello"},
        "previewUrls": [],
    }


def test_a_message_with_everything_has_rocketchats_keys() -> None:
    facts = (Fact("IP address", "203.0.113.7"), Fact("Host", "chat", is_short=False))
    attachment = Attachment("#2de0a5", "kitchen tablet", "a text", facts)
    written = format_message(OutgoingMessage("m1", "r1", "hello", NOON, "root", attachment))

    assert written["message"] == {
        "_id": "m1",
        "rid": "r1",
        "msg": "hello",
        "tmid": "root",
        "attachments": [
            {
                "color": "#2de0a5",
                "ts": "2026-09-01T12:00:00.120Z",
                "title": "kitchen tablet",
                "text": "a text",
                "fields": [
                    {"title": "IP address", "value": "203.0.113.7", "short": True},
                    {"title": "Host", "value": "chat", "short": False},
                ],
            }
        ],
    }


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_an_empty_fact_becomes_a_dash(empty: str) -> None:
    attachment = Attachment("#2de0a5", facts=(Fact(empty, empty),))
    written = format_message(OutgoingMessage("m1", "r1", "", NOON, attachment=attachment))

    dash = "\N{EN DASH}"
    assert f'"title": "{dash}", "value": "{dash}"' in json.dumps(written, ensure_ascii=False)


def test_an_attachment_with_only_a_colour_has_a_time() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    message = OutgoingMessage("m1", "r1", "", east, attachment=Attachment("#2de0a5"))

    assert json.loads(json.dumps(format_message(message)))["message"]["attachments"] == [
        {"color": "#2de0a5", "ts": "2026-09-01T12:00:00.120Z"}
    ]


def test_each_row_of_buttons_is_an_attachment_of_its_own() -> None:
    rows = ((Button("Yes", "!yes"), Button("No", "!no")), (Button("Page", url="https://x.org"),))
    written = format_message(OutgoingMessage("m1", "r1", "Well?", NOON, buttons=rows))
    spoken = {"type": "button", "msg_in_chat_window": True, "msg_processing_type": "sendMessage"}
    common = {"ts": "2026-09-01T12:00:00.120Z", "button_alignment": "horizontal"}

    assert json.loads(json.dumps(written))["message"]["attachments"] == [
        common
        | {
            "actions": [
                spoken | {"text": "Yes", "msg": "!yes"},
                spoken | {"text": "No", "msg": "!no"},
            ]
        },
        common | {"actions": [{"type": "button", "text": "Page", "url": "https://x.org"}]},
    ]
