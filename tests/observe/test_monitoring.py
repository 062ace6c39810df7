"""What stands in `monitoring/`: every metric that it names there is, and the real tools take it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parsed

from sojourn.observe.metrics.table import TABLE
from sojourn.testing import FakeClock
from tests.servers import missing
from tests.web.kit import make_server

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring/prometheus/alerts.yml"
PANELS = ROOT / "monitoring/grafana/sojourn.json"

_STRING = re.compile(r'"[^"\n]*"')
_GROUPED = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTED = re.compile(r"\{([^}]*)\}")
_MATCH = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*""')
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
_SPAN = re.compile(r"\[[^\]]*\]")
_KNOWN = {
    *("sum", "max", "min", "count", "rate", "increase", "delta", "histogram_quantile", "absent"),
    *("offset", "and", "or", "unless", "by", "on"),
}


def named(expression: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names; of words that are neither it must know each."""
    text = _STRING.sub('""', expression)
    labels = {label for group in _GROUPED.findall(text) for label in _WORD.findall(group[1])}
    text = _GROUPED.sub(" ", text)
    for inside in _SELECTED.findall(text):
        labels |= set(_MATCH.findall(inside))
    text = _SPAN.sub(" ", _SELECTED.sub(" ", text))
    text = re.sub(r"\boffset\s+(\$before|\d+[smhdw])", " ", text)
    text = re.sub(r"\b\d[\w.]*", " ", text)
    return set(_WORD.findall(text)) - _KNOWN, labels


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(PANELS.read_text())["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """The names of all that a running server tells, each with its labels."""
    with make_server(FakeClock(), metrics="open").open() as server:
        text = server.script().get("/metrics").text
    found: dict[str, set[str]] = {}
    for family in parsed(text):
        metric = next(metric for metric in TABLE if metric.name == family.name)
        labels = {*metric.labels, "process"} if metric.own else {*metric.labels}
        names = {metric.full_name}
        if metric.kind == "histogram":
            names, labels = {f"{metric.name}_{end}" for end in ("bucket", "count", "sum")}, {*labels, "le"}
        found |= dict.fromkeys(names, labels)
    return found


# ── what is named ─────────────────────────────────────────────────────────────────────────────


def test_the_reader_of_queries_finds_names_and_labels() -> None:
    query = (
        'sum by (le, verb) (rate(a_total{code=~"x|b_total", why!=""}[5m] offset $before)) > 0.5 and on () c'
    )
    assert named(query) == ({"a_total", "c"}, {"le", "verb", "code", "why"})


@pytest.mark.parametrize(("where", "query"), [*queries()], ids=lambda text: text[:40])
def test_every_metric_of_a_query_is_told_with_its_labels(
    told: dict[str, set[str]], where: str, query: str
) -> None:
    names, labels = named(query)
    assert names, where
    assert names <= told.keys()
    assert labels <= set().union(*(told[name] for name in names))


def test_the_dashboard_shows_all_that_is_told(told: dict[str, set[str]]) -> None:
    shown = {
        name for panel in panels() for target in panel.get("targets", ()) for name in named(target["expr"])[0]
    }
    assert told.keys() - shown == set()


def test_what_is_told_as_a_family_is_in_the_table(told: dict[str, set[str]]) -> None:
    assert len(told) == len(TABLE) + 2 * sum(metric.kind == "histogram" for metric in TABLE)


# ── the files ─────────────────────────────────────────────────────────────────────────────────


def test_each_panel_can_be_drawn() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters)


def test_no_panel_covers_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels():
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_the_dashboard_has_a_range_and_compares() -> None:
    dashboard = json.loads(PANELS.read_text())
    assert dashboard["time"] == {"from": "now-24h", "to": "now"}
    compared = {panel["title"] for panel in panels() if "$before" in json.dumps(panel.get("targets", ()))}
    assert {"Sessions started", "Sessions expired", "Activity", "Sessions and users"} <= compared
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["source", "before"]


def test_each_alert_says_how_bad_it_is_and_what_it_means() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}


# ── the real tools ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    return found or missing("promtool", "it is in Debian's package prometheus")


def checked(promtool: str, *words: str | Path, said: str = "") -> None:
    done = subprocess.run([promtool, *words], input=said, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
def test_prometheus_takes_the_rules(promtool: str) -> None:
    checked(promtool, "check", "rules", RULES)


@pytest.mark.servers
def test_the_alerts_fire_when_they_should(promtool: str) -> None:
    checked(promtool, "test", "rules", RULES.with_name("alerts_test.yml"))


@pytest.mark.servers
def test_prometheus_takes_the_queries_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    found = [query.replace("$__rate_interval", "5m").replace("$before", "1w") for _, query in queries()]
    records = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(found)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": records}]}))
    checked(promtool, "check", "rules", "--lint=none", file)


@pytest.mark.servers
def test_prometheus_takes_what_the_server_tells(promtool: str) -> None:
    with make_server(FakeClock(), metrics="open").open() as server:
        server.browser().sign_up()
        text = server.script().get("/metrics").text
    checked(promtool, "check", "metrics", said=text)
