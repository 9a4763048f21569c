"""Panels of a dashboard, and the forms of their PromQL queries."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph."""

    title: str
    query: str
    """PromQL."""
    legend: str = ""
    """Of each series; `{{label}}` is replaced."""
    unit: str = "short"
    """As Grafana calls it."""
    kind: str = "timeseries"
    help: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page of graphs; `uid` is also its file's name."""

    uid: str
    title: str
    panels: Sequence[Panel]


def rate(metric: str, by: str = "", where: str = "") -> str:
    """A counter's growth a second, over all processes."""
    inner = f"rate({metric}{where}[$__rate_interval])"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def quantile(share: float, metric: str, by: str = "") -> str:
    """Of a histogram, over all processes."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels)})"


def share(part: str, whole: str) -> str:
    """Nothing while nothing happens, rather than a division by zero."""
    return f"{part} / ({whole} > 0)"
