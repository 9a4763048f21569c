"""Provider batches on the live page: what the batch processes say of them, by deployment."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from prometheus_client import Metric

_STATES: Final = ("formed", "submitting", "submitted", "ended")


def batches_by_deployment(families: Sequence[Metric]) -> dict[str, dict[str, Any]]:
    """The rows of the page's table. families: of all processes that answered.

    Each batch process tells of the whole fleet's batches, and of what waits with itself.
    """
    rows: dict[str, dict[str, Any]] = {}

    def row(deployment: str) -> dict[str, Any]:
        empty = {"waiting": 0, "states": dict.fromkeys(_STATES, 0), "requests": 0}
        return rows.setdefault(deployment, {**empty, "oldest_s": None, "slack_s": None})

    for labels, value in _samples(families, "switchgear_batch_waiting"):
        row(labels.get("deployment", ""))["waiting"] += value
    for labels, value in _samples(families, "switchgear_batches_open"):
        states, state = row(labels.get("deployment", ""))["states"], labels.get("state", "")
        if state in states:
            states[state] = max(value, states[state])
    for labels, value in _samples(families, "switchgear_batch_requests_open"):
        shown = row(labels.get("deployment", ""))
        shown["requests"] = max(value, shown["requests"])
    for labels, value in _samples(families, "switchgear_batch_oldest_seconds"):
        shown = row(labels.get("deployment", ""))
        shown["oldest_s"] = max(value, shown["oldest_s"] or 0)
    for labels, value in _samples(families, "switchgear_batch_slack_seconds"):
        shown = row(labels.get("deployment", ""))
        shown["slack_s"] = value if shown["slack_s"] is None else min(value, shown["slack_s"])
    return dict(sorted(rows.items()))


def _samples(families: Sequence[Metric], metric: str) -> Iterator[tuple[dict[str, str], float]]:
    for family in families:
        if family.name == metric:
            for sample in family.samples:
                yield sample.labels, sample.value
