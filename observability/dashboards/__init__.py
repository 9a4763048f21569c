"""Which Grafana dashboards are there? Written here, built into `grafana/*.json`.

`python -m observability.dashboards` builds them; a test holds the files to it, and every metric in
them and in the alert rules to `metric_names`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS: Final = 3
_WIDTH: Final = 24 // _COLUMNS
_HEIGHT: Final = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph. query: PromQL; legend: of each series; unit: Grafana's name of it."""

    title: str
    query: str
    legend: str = ""
    unit: str = "short"
    kind: str = "timeseries"
    help: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of graphs; `uid` is also its file's name."""

    uid: str
    title: str
    panels: Sequence[Panel]


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{where}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str) -> str:
    inner = f"sum by (le, {by}) (rate({metric}_bucket[$__rate_interval]))"
    return f"histogram_quantile({share}, {inner})"


_HIT: Final = '{result="hit"}'
_UNSUPPORTED: Final = '{verdict="unsupported"}'
_MICRO: Final = "/ 1e6 * 3600"
_ALL_ANSWERS: Final = "sum(rate(switchgear_requests_total[$__rate_interval]))"

OPERATIONS: Final = Dashboard(
    "switchgear-operations",
    "Switchgear: operations",
    (
        Panel("Requests by tier", _rate("switchgear_requests_total", "tier"), "{{tier}}", "reqps"),
        Panel(
            "Share of requests that failed",
            'sum(rate(switchgear_requests_total{outcome!="done"}[$__rate_interval]))'
            f" / {_ALL_ANSWERS}",
            "failed",
            "percentunit",
        ),
        Panel(
            "Failures by code",
            _rate("switchgear_requests_total", "outcome", '{outcome!="done"}'),
            "{{outcome}}",
            "reqps",
        ),
        Panel(
            "Time to reply, p95",
            _quantile(0.95, "switchgear_request_seconds", "tier"),
            "{{tier}}",
            "s",
            help="Exemplars link to the trace.",
        ),
        Panel(
            "Time to first token, p95",
            _quantile(0.95, "switchgear_first_token_seconds", "deployment"),
            "{{deployment}}",
            "s",
        ),
        Panel(
            "Wait in queues, p95",
            _quantile(0.95, "switchgear_queue_wait_seconds", "topic"),
            "{{topic}}",
            "s",
        ),
        Panel(
            "Consumer lag",
            "sum by (group, topic) (switchgear_consumer_lag)",
            "{{group}} {{topic}}",
        ),
        Panel("Oldest record", "max by (topic) (switchgear_queue_age_seconds)", "{{topic}}", "s"),
        Panel("In flight", "sum by (tier) (switchgear_in_flight)", "{{tier}}"),
        Panel(
            "Circuit breakers",
            "max by (deployment) (switchgear_breaker_state)",
            "{{deployment}}",
            kind="state-timeline",
            help="0 closed, 1 half-open, 2 open",
        ),
        Panel(
            "Attempts by outcome",
            _rate("switchgear_attempts_total", "deployment, outcome"),
            "{{deployment}} {{outcome}}",
            "cps",
        ),
        Panel(
            "Reroutes and retries",
            f"{_rate('switchgear_reroutes_total', 'from_tier, to_tier')}"
            f" or {_rate('switchgear_retries_total', 'tier')}",
            "{{from_tier}}{{tier}} {{to_tier}}",
            "cps",
        ),
        Panel(
            "Dead letters",
            _rate("switchgear_dead_letters_total", "topic, reason"),
            "{{topic}} {{reason}}",
            "cps",
        ),
        Panel(
            "Redeliveries",
            _rate("switchgear_redeliveries_total", "topic, outcome"),
            "{{topic}} {{outcome}}",
            "cps",
        ),
    ),
)

COST: Final = Dashboard(
    "switchgear-cost",
    "Switchgear: cost and savings",
    (
        Panel(
            "Cost an hour by deployment",
            f"{_rate('switchgear_cost_micro_usd_total', 'deployment')} {_MICRO}",
            "{{deployment}}",
            "currencyUSD",
        ),
        Panel(
            "Cost an hour by tenant",
            f"{_rate('switchgear_cost_micro_usd_total', 'tenant')} {_MICRO}",
            "{{tenant}}",
            "currencyUSD",
        ),
        Panel(
            "Saved an hour by means",
            f"{_rate('switchgear_saved_micro_usd_total', 'by')} {_MICRO}",
            "{{by}}",
            "currencyUSD",
            help="Against each tenant's baseline model at list price.",
        ),
        Panel(
            "Cost today",
            "sum(increase(switchgear_cost_micro_usd_total[1d])) / 1e6",
            "USD",
            "currencyUSD",
            "stat",
        ),
        Panel(
            "Saved today",
            "sum(increase(switchgear_saved_micro_usd_total[1d])) / 1e6",
            "USD",
            "currencyUSD",
            "stat",
        ),
        Panel(
            "Budget used",
            "max by (tenant, period) (switchgear_budget_used_ratio)",
            "{{tenant}} {{period}}",
            "percentunit",
            "bargauge",
        ),
        Panel("Tokens by kind", _rate("switchgear_tokens_total", "kind"), "{{kind}}"),
        Panel(
            "Cache results by step",
            _rate("switchgear_cache_lookups_total", "result, step"),
            "{{result}} {{step}}",
            "cps",
        ),
        Panel(
            "Cache hits by tier",
            f"{_rate('switchgear_cache_lookups_total', 'tier', _HIT)}"
            f" / {_rate('switchgear_cache_lookups_total', 'tier')}",
            "{{tier}}",
            "percentunit",
        ),
        Panel(
            "False cache hits found by re-checking",
            'sum(increase(switchgear_cache_checked_hits_total{verdict="different"}[1d]))'
            " / sum(increase(switchgear_cache_checked_hits_total[1d]))",
            "of those checked",
            "percentunit",
        ),
        Panel(
            "Answers that their context doesn't support",
            f"sum by (model, by) (increase(switchgear_groundedness_checks_total{_UNSUPPORTED}[1d]))"
            " / sum by (model, by) (increase(switchgear_groundedness_checks_total[1d]))",
            "{{model}} {{by}}",
            "percentunit",
        ),
        Panel(
            "Answers without a price",
            _rate("switchgear_unpriced_total", "deployment"),
            "{{deployment}}",
            "cps",
        ),
    ),
)

DASHBOARDS: Final = (OPERATIONS, COST)


def build(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["switchgear"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [_panel(panel, number) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    target = {"refId": "A", "expr": panel.query, "legendFormat": panel.legend, "exemplar": True}
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": SOURCE,
        "targets": [target | {"datasource": SOURCE}],
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "gridPos": {
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
    }
