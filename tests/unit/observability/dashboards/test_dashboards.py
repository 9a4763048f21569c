import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import observability.dashboards
from observability.dashboards.build import DASHBOARDS, Dashboard, build_dashboard
from observability.metrics.names import COUNTERS, GAUGES, HISTOGRAMS

FOLDER = Path(observability.dashboards.__file__).parent
KNOWN: dict[str, set[str]] = {
    **{name: set(spec.labels) for name, spec in COUNTERS.items()},
    **{name: set(spec.labels) for name, spec in GAUGES.items()},
    **{
        f"{name}_{part}": {*spec.labels, "le"}
        for name, spec in HISTOGRAMS.items()
        for part in ("bucket", "sum", "count")
    },
}
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "prometheus" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
QUERIES = [p.query for d in DASHBOARDS for p in d.panels] + [rule["expr"] for rule in RULES]


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_and_label_of_a_query_exists(query: str) -> None:
    metrics = re.findall(r"\b(?:switchgear|gen_ai_client|gen_ai_server|http_server)_\w+", query)
    if not metrics:
        assert re.search(r"switchgear:\w+|\bup\b", query)
        return
    assert set(metrics) <= KNOWN.keys()
    labels = set().union(*(KNOWN[name] for name in metrics))
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        assert {name.strip() for name in grouped.split(",")} <= labels
    assert set(re.findall(r'[{,]\s*(\w+)\s*[!=]~?"', query)) <= labels


def test_what_is_recorded_is_used_and_what_is_used_is_recorded() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    assert set(re.findall(r"\bswitchgear:[\w:]+", " ".join(QUERIES))) == recorded


def test_every_metric_is_on_a_dashboard_or_alerted_on() -> None:
    shown = " ".join(QUERIES)
    for name in (*COUNTERS, *GAUGES, *HISTOGRAMS):
        assert name in shown


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda d: d.uid)
def test_the_files_are_what_the_code_builds(dashboard: Dashboard) -> None:
    on_disk = json.loads((FOLDER / "grafana" / f"{dashboard.uid}.json").read_text())
    assert on_disk == build_dashboard(dashboard), "run: python -m observability.dashboards"


def test_panels_do_not_overlap() -> None:
    for dashboard in DASHBOARDS:
        places = [
            (p["gridPos"]["x"], p["gridPos"]["y"]) for p in build_dashboard(dashboard)["panels"]
        ]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize("rule", [r for r in RULES if "alert" in r], ids=lambda r: r["alert"])
def test_every_alert_says_what_is_wrong_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"]


def test_what_the_issue_asks_for_is_alerted_on() -> None:
    text = " ".join(rule["expr"] for rule in RULES)
    for metric in (
        "switchgear_requests_total",
        "switchgear_queue_age_seconds",
        "switchgear_breaker_state",
        "switchgear_budget_used_ratio",
        "switchgear_cache_checked_hits_total",
        "switchgear_unpriced_total",
    ):
        assert metric in text
