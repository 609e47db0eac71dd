"""What is written to the log: by this program and by its libraries, in one form."""

import base64
import hashlib
import io
import json
import logging
from urllib.parse import quote

import pytest
import structlog

from bot.logs import open_logs

TOKEN = "a" * 43


def test_own_events_and_libraries_look_alike() -> None:
    stream = io.StringIO()
    open_logs("INFO", "json", stream)
    structlog.get_logger("audit").info("used", user_id="ann")
    logging.getLogger("library").warning("careful")
    own, foreign = map(json.loads, stream.getvalue().splitlines())
    assert own.keys() - {"user_id"} == foreign.keys()
    assert (own["event"], own["logger"], own["level"]) == ("used", "audit", "info")
    assert (foreign["event"], foreign["logger"], foreign["level"]) == (
        "careful",
        "library",
        "warning",
    )


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_looks_like_a_token_is_struck_out(style: str) -> None:
    stream = io.StringIO()
    open_logs("INFO", "json" if style == "json" else "text", stream)
    structlog.get_logger("audit").info("used", problem=f"it was {TOKEN}")
    logging.getLogger("library").warning("it was %s", TOKEN)
    try:
        int(TOKEN)
    except ValueError:
        structlog.get_logger("audit").exception("it went wrong")
    assert TOKEN not in stream.getvalue()
    assert stream.getvalue().count("[struck out]") >= 3
    assert "ValueError" in stream.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    open_logs("WARNING", "text", stream)
    structlog.get_logger("audit").info("used")
    logging.getLogger("library").info("chatter")
    assert not stream.getvalue()


@pytest.mark.parametrize(
    "library", ["alembic.runtime.migration", "procrastinate.worker", "sqlalchemy"]
)
def test_libraries_that_name_people_or_say_too_much_only_warn(library: str) -> None:
    stream = io.StringIO()
    open_logs("DEBUG", "text", stream)
    logging.getLogger(library).info("chatter")
    assert not stream.getvalue()
    logging.getLogger(library).warning("careful")
    assert "careful" in stream.getvalue()
    open_logs("ERROR", "text", (stream := io.StringIO()))
    logging.getLogger(library).warning("careful")
    assert not stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    open_logs("INFO", "text", stream)
    stream.close()
    structlog.get_logger("audit").info("used")


def test_an_event_is_one_line_whatever_it_holds() -> None:
    stream = io.StringIO()
    open_logs("INFO", "text", stream)
    structlog.get_logger("desk").info(
        "it\nended", name="a\n[error] forged", count=2, word="", x="y"
    )
    logging.getLogger("library").warning("two\nlines")
    own, foreign = stream.getvalue().splitlines()
    assert own.endswith(r"[info] 'it\nended' [desk] count=2 name='a\n[error] forged' word='' x=y")
    assert foreign.endswith(r"[warning] 'two\nlines' [library]")


def test_a_traceback_follows_its_line() -> None:
    stream = io.StringIO()
    open_logs("INFO", "text", stream)
    try:
        int("x")
    except ValueError:
        structlog.get_logger("desk").exception("it went wrong", reference="7F3A")
    line, first, *_ = stream.getvalue().splitlines()
    assert line.endswith("[error] it went wrong [desk] reference=7F3A")
    assert first == "Traceback (most recent call last):"


RANDOM = hashlib.sha512(b"secret").digest()


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    "secret",
    [
        base64.b64encode(RANDOM[:32]).decode(),
        base64.b64encode(RANDOM[:12] + b"\xff" * 3 + RANDOM[12:30]).decode(),
        base64.b64encode(RANDOM).decode(),
        base64.b64encode(b"\xff" * 15 + RANDOM[:30]).decode(),
        quote(base64.b64encode(RANDOM[:32]), safe=""),
        RANDOM[:20].hex(),
    ],
)
def test_every_spelling_of_a_secret_is_struck_out(style: str, secret: str) -> None:
    stream = io.StringIO()
    open_logs("INFO", "json" if style == "json" else "text", stream)
    structlog.get_logger("audit").info("used", address=f"https://chat.example.org/a/b/{secret}?x")
    logging.getLogger("library").warning("it was %s", secret)
    structlog.get_logger("audit").error("it went wrong", exc_info=ValueError(secret))
    for part in (secret, secret[:20], secret[-20:]):
        assert part not in stream.getvalue()


def test_a_path_in_a_traceback_stays() -> None:
    stream = io.StringIO()
    open_logs("INFO", "text", stream)
    path = "/opt/session-bot/lib/site-packages/bot/features/accounts/token_refresh.py"
    structlog.get_logger("audit").info("here", file=path)
    assert path in stream.getvalue()


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    "mark", ["\x1b]0;title\x07", "\x9b2J", "\x7f", "\u202e", "\U000e0041", "\ud800"]
)
def test_no_log_can_control_a_terminal(style: str, mark: str) -> None:
    stream = io.StringIO()
    open_logs("INFO", "json" if style == "json" else "text", stream)
    structlog.get_logger("audit").info(f"event {mark}", name=f"a{mark}", names=[mark])
    logging.getLogger("library").warning("said %s", mark)
    structlog.get_logger("audit").error("it went wrong", exc_info=ValueError(mark))
    written = stream.getvalue()
    assert len(written.splitlines()) == len(written.split("\n")) - 1
    assert all(line.isprintable() for line in written.split("\n"))
    if style == "json":
        first, _, last = map(json.loads, written.splitlines())
        assert first["name"] == f"a{mark}"
        assert mark in last["exception"]
