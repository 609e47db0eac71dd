"""The rules for Prometheus and the dashboard for Grafana ask for what a bot shows."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from tests.support.metrics_page import find_row

PACKAGING = Path(__file__).parents[3] / "packaging"
# What Prometheus adds to every series, and what the exporter of a process shows everywhere.
ADDED = {"instance", "job", "le"}
OTHERS = {"up", "process_start_time_seconds", "process_resident_memory_bytes"}
OPEN = {"command", "route", "version"}  # labels whose values no page lists


@dataclass(frozen=True)
class Query:
    """An expression, the labels that a text beside it mentions, and where they stand."""

    where: str
    expression: str
    mentioned: frozenset[str]


def load_rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(PACKAGING / "alerts.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def read_alerts() -> Iterator[Query]:
    for rule in load_rules():
        text = " ".join(rule["annotations"].values())
        yield Query(rule["alert"], rule["expr"], frozenset(re.findall(r"\$labels\.(\w+)", text)))


def load_dashboard() -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads((PACKAGING / "grafana.json").read_text())
    return dashboard


def read_panels() -> Iterator[Query]:
    for panel in load_dashboard()["panels"]:
        for target in panel["targets"]:
            shown = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            yield Query(panel["title"], target["expr"].replace("$__rate_interval", "5m"), shown)


QUERIES = [*read_alerts(), *read_panels()]


def find_nodes(expression: str) -> list[promql_parser.Expr]:
    nodes: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expression), nodes.append)
    return nodes


def find_label_faults(selector: promql_parser.VectorSelector) -> Iterator[str]:
    name = str(selector.name)
    row = find_row(name)
    if row is None:
        return
    for matcher in selector.matchers.matchers:
        if matcher.name not in row.labels | ADDED:
            yield f"{name} has no label {matcher.name}"
        elif matcher.name not in ADDED | OPEN:
            unknown = set(matcher.value.split("|")) - row.words
            yield from (f"{name}: {matcher.name} is never {each}" for each in unknown)


def find_faults(query: Query) -> Iterator[str]:
    nodes = find_nodes(query.expression)
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    known = set(ADDED)
    for selector in selectors:
        row = find_row(str(selector.name))
        if row is None and selector.name not in OTHERS:
            yield f"no bot shows {selector.name}"
        yield from find_label_faults(selector)
        known |= row.labels if row else set()
    grouped = [
        set(node.modifier.labels)
        for node in nodes
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier
    ]
    for labels in (*grouped, query.mentioned):
        yield from (f"there is no label {label}" for label in set(labels) - known)
    # An aggregation drops all labels that it does not name.
    kept = known if not any(isinstance(n, promql_parser.AggregateExpr) for n in nodes) else set()
    lost = query.mentioned - kept.union(*grouped)
    yield from (f"{label} is aggregated away" for label in lost)


def test_every_expression_asks_for_what_a_bot_shows() -> None:
    faults = [f"{query.where}: {fault}" for query in QUERIES for fault in find_faults(query)]
    assert not faults, "\n".join(faults)
    assert len(QUERIES) > 30


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("session_bot_realtime_upp == 0", "no bot shows session_bot_realtime_upp"),
        ("rate(session_bot_reply_seconds[5m])", "no bot shows session_bot_reply_seconds"),
        ('session_bot_storage_up{kind="x"}', "session_bot_storage_up has no label kind"),
        (
            'session_bot_reports_total{outcome="internal_error"}',
            "session_bot_reports_total: outcome is never internal_error",
        ),
        ("sum by (room) (session_bot_storage_up)", "there is no label room"),
    ],
)
def test_what_no_bot_shows_is_found(expression: str, fault: str) -> None:
    assert fault in list(find_faults(Query("", expression, frozenset())))


def test_each_alert_says_how_bad_it_is_and_what_is_wrong() -> None:
    for rule in load_rules():
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}, rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_no_panel_of_the_dashboard_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load_dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_prometheus_takes_the_rules() -> None:
    program = shutil.which("promtool")
    if program is None:
        return  # the parser above has taken every expression; Debian's package is large
    found = subprocess.run(  # noqa: S603 - the system's own program
        [program, "check", "rules", str(PACKAGING / "alerts.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
