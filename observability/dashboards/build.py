"""Grafana dashboards: written as code, built into `grafana/*.json`.

`python -m observability.dashboards` builds them; a test holds the files to it, and every metric in
them and in the alert rules to `observability.metrics.names`.
"""

from typing import Any, Final

from observability.dashboards.cost import COST_DASHBOARD
from observability.dashboards.operations import OPERATIONS_DASHBOARD
from observability.dashboards.panels import Dashboard, Panel
from observability.metrics.names import BREAKER_STATES

__all__ = ["DASHBOARDS", "SOURCE", "Dashboard", "Panel", "build_dashboard"]

DASHBOARDS: Final = (OPERATIONS_DASHBOARD, COST_DASHBOARD)
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS: Final = 3
_WIDTH: Final = 24 // _COLUMNS
_HEIGHT: Final = 8


def build_dashboard(dashboard: Dashboard) -> dict[str, Any]:
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
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "gridPos": {
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    if panel.kind != "state-timeline":
        return {"unit": panel.unit}
    named = {str(value): {"text": name, "index": value} for name, value in BREAKER_STATES.items()}
    return {"unit": panel.unit, "mappings": [{"type": "value", "options": named}]}
