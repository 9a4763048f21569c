"""Prometheus' own tool says whether our alert rules and dashboards work."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml

import observability.dashboards
from observability.dashboards.build import DASHBOARDS
from observability.metrics.names import COUNTERS, GAUGES, HISTOGRAMS
from producers.contract.reply import FailureCode

FOLDER: Final = Path(observability.dashboards.__file__).parent / "prometheus"
ALERTS: Final = FOLDER / "alerts.yaml"
TRIED: Final = FOLDER / "alerts_test.yaml"
OF_THE_CALLER: Final = {
    "invalid_request", "request_too_large", "unknown_tier", "unknown_model", "unknown_tenant",
    "reply_to_not_allowed", "no_deployment_fits", "context_too_long", "content_filtered",
    "unsupported_content", "provider_rejected", "cancelled", "budget_exceeded", "not_in_cache",
    "id_reused", "forbidden", "rate_limited", "answer_too_large", "wrong_zone",
}  # fmt: skip
"""Failures that spend no error budget; all others do."""
VALUES: Final = {
    "outcome": ("done", "providers_exhausted"),
    "result": ("hit", "miss"),
    "verdict": ("same", "different", "unsupported"),
}
"""The label values that queries ask for; any other label has one value."""


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.fail(
            "promtool isn't here: `apt-get install prometheus` (Debian), or get Prometheus from "
            "https://prometheus.io/download and put promtool on the PATH"
        )
    return found


def run(promtool: str, *arguments: str | Path) -> None:
    ended = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_rules_and_the_configuration_are_read(promtool: str, tmp_path: Path) -> None:
    run(promtool, "check", "rules", ALERTS)
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    config["rule_files"] = [str(ALERTS)]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    run(promtool, "check", "config", tmp_path / "prometheus.yaml")


def test_each_alert_fires_where_it_should_and_not_on_healthy_series(promtool: str) -> None:
    run(promtool, "test", "rules", TRIED)


def test_each_alert_is_tried_both_ways() -> None:
    tried: dict[str, set[bool]] = {}
    for test in yaml.safe_load(TRIED.read_text())["tests"]:
        for case in test.get("alert_rule_test", ()):
            tried.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    assert tried == {rule["alert"]: {True, False} for rule in rules() if "alert" in rule}


def test_each_failure_is_either_the_callers_or_spends_error_budget() -> None:
    for rule in rules():
        if rule.get("record", "").startswith("switchgear:failed:"):
            (ours,) = re.findall(r'outcome=~"([^"]+)"', rule["expr"])
            assert set(ours.split("|")) | OF_THE_CALLER == set(get_args(FailureCode))
            assert set(ours.split("|")) & OF_THE_CALLER == set()


def test_each_query_of_a_dashboard_finds_data(promtool: str, tmp_path: Path) -> None:
    _try_queries(promtool, tmp_path, "0+7x120", lambda query: (f"count({query}) > bool 0", 1))


def test_no_query_of_a_dashboard_divides_by_zero_while_nothing_happens(
    promtool: str, tmp_path: Path
) -> None:
    def numbers(query: str) -> tuple[str, int]:
        # NaN is the only value that isn't equal to itself
        return f"count(({query}) != ({query})) or vector(0)", 0

    _try_queries(promtool, tmp_path, "5x120", numbers, without="histogram_quantile")


def _try_queries(
    promtool: str,
    folder: Path,
    counts: str,
    asked: Callable[[str], tuple[str, int]],
    without: str = "\0",
) -> None:
    queries = [panel.query for dashboard in DASHBOARDS for panel in dashboard.panels]
    cases = []
    for query in queries:
        if without not in query:
            expression, value = asked(query.replace("$__rate_interval", "5m"))
            sample = {"labels": "{}", "value": value}
            cases.append({"expr": expression, "eval_time": "2h", "exp_samples": [sample]})
    assert cases
    series = [{"series": name, "values": values} for name, values in _series(counts)]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": cases}
    file = folder / "dashboards_test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": [test]}))
    run(promtool, "test", "rules", file)


def _series(counts: str) -> Iterator[tuple[str, str]]:
    """One series for each label set of every metric there is."""
    for name, spec in COUNTERS.items():
        yield from ((f"{name}{labels}", counts) for labels in _label_sets(spec.labels))
    for watched, gauge in GAUGES.items():
        yield from ((f"{watched}{labels}", "1x120") for labels in _label_sets(gauge.labels))
    for measured, histogram in HISTOGRAMS.items():
        bounds = (*map(str, histogram.buckets), "+Inf")
        for bound, labels in product(bounds, _label_sets(histogram.labels)):
            yield (
                f'{measured}_bucket{labels[:-1]}{"," if histogram.labels else ""}le="{bound}"}}',
                counts,
            )
        for labels, part in product(_label_sets(histogram.labels), ("sum", "count")):
            yield f"{measured}_{part}{labels}", counts


def _label_sets(names: tuple[str, ...]) -> Iterator[str]:
    for values in product(*(VALUES.get(name, ("x",)) for name in names)):
        pairs = (f'{name}="{value}"' for name, value in zip(names, values, strict=True))
        yield "{" + ",".join(pairs) + "}"
