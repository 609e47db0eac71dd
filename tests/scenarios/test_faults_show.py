"""Each fault of the torture run shows: as a metric, in the log, and in ``/readyz`` where it should.

A PostgreSQL server that hangs is in ``test_hung_postgresql``.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import structlog

from bot.backoff import Backoff
from bot.config import StorageSettings
from bot.logs import open_logs
from bot.rocketchat.realtime import RealtimeSettings
from rocketchat_simulator import Outage
from tests.support import visible_faults as faults
from tests.support.stage import QUICKLY, Stage, open_stage
from tests.support.visible_faults import Fault, Pauses, Scene

WATCHFUL = RealtimeSettings(ping_after_s=0.5, pong_timeout_s=0.4, call_timeout_s=1.0)
REQUEST_TIMEOUT_S = 1.0
TOO_MANY_CALLS = '{"success":false,"error":"You must wait 1 seconds [error-too-many-requests]"}'
NO_LOGIN = '{"status":"error","message":"You must be logged in to do this."}'

AWAY, DEAF = "the workspace is away", "the connection breaks"
FAULTS = (
    *(
        Fault(
            f"outage: {kind.value}",
            partial(faults.outage, kind=kind),
            AWAY,
            "realtime_up",
            "not listening",
            503,
            is_shown=faults.is_zero,
        )
        for kind in Outage
    ),
    Fault(
        "websocket dropped",
        faults.dropped,
        DEAF,
        "realtime_disconnects_total",
        "not listening",
        503,
    ),
    *(
        Fault(
            f"websocket closed with {code}",
            partial(faults.closed, code=code),
            DEAF,
            "realtime_disconnects_total",
            "not listening",
            503,
        )
        for code in (1001, 1011, 4000)
    ),
    Fault(
        "websocket half-open",
        faults.half_open,
        "the connection is silent",
        "realtime_silence_seconds",
        "not listening",
        503,
        is_shown=partial(faults.is_over, 0.5),
    ),
    *(
        Fault(
            f"REST answered {status} html",
            partial(faults.bad_answers, status=status),
            "the workspace fails",
            "rest_responses_total",
            "an answer waits for the workspace",
            labels={"status": "5xx"},
        )
        for status in (500, 502, 503)
    ),
    Fault(
        "REST answered 200 html",
        partial(faults.bad_answers, status=200, times=1),
        "something else answers",
        "rest_responses_total",
        "an answer waits for the workspace",
        labels={"status": "foreign"},
    ),
    Fault(
        "REST answered 200 json",
        partial(
            faults.bad_answers,
            status=200,
            body='{"success":tr',
            content_type="application/json",
            times=1,
        ),
        "something else answers",
        "rest_responses_total",
        "an answer waits for the workspace",
        labels={"status": "foreign"},
    ),
    Fault(
        "REST answered 429 json",
        partial(
            faults.bad_answers,
            status=429,
            body=TOO_MANY_CALLS,
            content_type="application/json",
            route="sessions/list",
            question="!sessions",
            times=1,
        ),
        "the rate limit",
        "rest_responses_total",
        "the workspace asked to wait",
        labels={"status": "429"},
    ),
    Fault(
        "REST answered 401 once",
        partial(
            faults.bad_answers,
            status=401,
            body=NO_LOGIN,
            content_type="application/json",
            route="sessions/list",
            question="!sessions page 2",
            times=1,
        ),
        "one call is refused",
        "rest_responses_total",
        "a command was refused",
        labels={"status": "4xx"},
    ),
    Fault(
        "REST answer lost",
        faults.lost_answers,
        "answers are lost",
        "rest_responses_total",
        "a call was not answered",
        labels={"status": "none"},
    ),
    Fault(
        "REST answer slow",
        partial(faults.late_answers, seconds=0.5),
        "the workspace is slow",
        "rest_request_seconds_sum",
        "the workspace is slow",
    ),
    Fault(
        "REST answer hanging",
        partial(faults.late_answers, seconds=60.0),
        "answers are lost",
        "rest_responses_total",
        "a call was not answered",
        labels={"status": "none"},
    ),
    Fault(
        "messages delivered twice",
        faults.repeated_messages,
        "messages come again",
        "messages_repeated_total",
        "a message came again",
    ),
    Fault(
        "message sent again",
        faults.message_sent_again,
        "messages come again",
        "messages_repeated_total",
        "a message came again",
    ),
    Fault(
        "messages lost, then websocket dropped",
        faults.lost_messages,
        "messages were lost",
        "messages_caught_up_total",
        "caught up",
    ),
    Fault(
        "database locked",
        faults.locked_database,
        "the database fails",
        "storage_up",
        "the database fails; nothing is lost meanwhile",
        503,
        is_shown=faults.is_zero,
    ),
    Fault(
        "killed",
        faults.killed_before_its_answer,
        "a process was killed",
        "messages_taken_over_total",
        "took over unfinished work",
    ),
    Fault(
        "fairness",
        faults.flood,
        "somebody writes too fast",
        "messages_too_fast_total",
        "a person writes too fast",
        labels={"scope": "person"},
    ),
    Fault(
        "idle sockets",
        faults.idle_sockets,
        "too many connections",
        "web_connections_closed_total",
        "too many connections; idle ones are closed",
    ),
    Fault(
        "clock that jumps",
        faults.jumping_clock,
        "the clock is wrong",
        "clock_offset_seconds",
        "the clock was set back",
        is_shown=partial(faults.is_over, 1e6),
    ),
)
CUT = Fault(
    "database connections cut",
    faults.cut_database_connections,
    "connections to the database are cut",
    "storage_repeats_total",
    "the database cut the connection; the transaction is repeated",
)
TRIED_ELSEWHERE = {
    "database found locked": "nothing is done where somebody else has locked it",
    "hung PostgreSQL": "test_hung_postgresql.py",
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    open_logs("DEBUG", "json", stream)
    yield stream
    structlog.reset_defaults()


async def test_each_fault_shows_as_metric_log_line_and_readiness(
    tmp_path: Path, logged: io.StringIO
) -> None:
    storage = StorageSettings(url=f"sqlite:///{tmp_path / 'bot.db'}?timeout=0.1")
    async with open_stage(tmp_path, bots=0, storage=storage) as stage:
        failed = await find_hidden(FAULTS, stage, logged)
    assert not failed


async def test_a_cut_connection_to_postgresql_shows(
    tmp_path: Path, logged: io.StringIO, postgres_url: str
) -> None:
    async with open_stage(tmp_path, bots=0, storage_url=postgres_url) as stage:
        failed = await find_hidden([CUT], stage, logged)
    assert not failed


async def find_hidden(
    table: Sequence[Fault], stage: Stage, logged: io.StringIO
) -> dict[str, set[str]]:
    """Inject each fault into one bot; return what did not show, by the fault's name."""
    pauses, overrides = Pauses(), QUICKLY
    overrides = replace(overrides, now=stage.clock.now, sleep=pauses.sleep, realtime=WATCHFUL)
    overrides = replace(overrides, backoff=Backoff(first_pause_s=0.02, max_pause_s=0.1))
    await stage.start_bot(replace(overrides, request_timeout_s=REQUEST_TIMEOUT_S))
    alice = stage.invite("alice")
    await alice.connect()
    scene = Scene(stage, alice, logged, pauses, stage.folder)
    missing = {fault.name: await fault.find_missing(scene) for fault in table}
    return {name: parts for name, parts in missing.items() if parts}


def test_no_fault_of_the_torture_run_is_left_out(pytestconfig: pytest.Config) -> None:
    folder = pytestconfig.rootpath / "tests" / "stress" / "torture"
    code = "\n".join(each.read_text() for each in folder.glob("*.py"))
    named = re.findall(r'StressResult\("([^"]+)"', code)
    for module in ("faults.py", "storage.py"):
        named += re.findall(r'(?:return|else) f?"([^"]+)"', (folder / module).read_text())
    names = [fault.name for fault in (*FAULTS, CUT)] + list(TRIED_ELSEWHERE)
    patterns = [re.sub(r"\\{.*?\\}", ".*", re.escape(each)) for each in named]
    assert len(patterns) > 15
    assert not [each for each in patterns if not any(re.fullmatch(each, name) for name in names)]


def test_the_page_names_each_fault_with_what_shows(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "troubleshooting.md").read_text()
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*?\| (.+?) \| (.+?) \| (.+?) \|", page, re.MULTILINE)
    found = {cause: (metrics, log, readyz) for cause, metrics, log, readyz in rows}
    for fault in (*FAULTS, CUT):
        metrics, log, readyz = found[fault.cause]
        assert f"`{fault.metric.removesuffix('_sum')}" in metrics, fault
        assert f"`{fault.log}`" in log, fault
        assert str(fault.readyz) in readyz, fault


def test_every_metric_and_log_line_on_the_page_exists(pytestconfig: pytest.Config) -> None:
    root = pytestconfig.rootpath
    page = (root / "docs" / "troubleshooting.md").read_text()
    code = "\n".join(each.read_text() for each in (root / "bot").rglob("*.py"))
    rows = re.findall(r"^\| \*\*.+?\*\*.*?\| (.+?) \| (.+?) \| .+? \|", page, re.MULTILINE)
    metrics = {name for column, _ in rows for name in re.findall(r"`([a-z_]+)", column)}
    events = {event for _, column in rows for event in re.findall(r"`([^`]+)`", column)}
    assert len(metrics) > 10
    assert len(events) > 10
    assert not [each for each in metrics if f'"{each.removesuffix("_total")}"' not in code]
    assert not [each for each in events if f'"{each}"' not in code]
