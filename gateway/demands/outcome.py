"""Outcome of a request: what the response's headers and the `switchgear` object say of the way."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.demands.routing_demands import HEADER_PREFIX
from producers.contract import Done

_MICRO: Final = Decimal(1_000_000)
_IN_HEADERS: Final = (
    *("request_id", "tier", "deployment", "model", "task"),
    *("cache", "cost_usd", "saved_usd", "trace_id"),
)
OUTCOME_HEADERS: Final = tuple(HEADER_PREFIX + name.replace("_", "-") for name in _IN_HEADERS)
"""The names of the response headers."""


def outcome_of(done: Done, warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    """The `switchgear` object of a JSON answer and of a stream's end; USD are texts, exact."""
    cache = done.cache
    fields = {
        "request_id": done.id,
        "tier": done.route.tier,
        "deployment": done.route.deployment,
        "model": done.route.model,
        "task": done.route.task,
        "cache": cache.result if cache.step is None else f"{cache.result}:{cache.step}",
        "cost_usd": _usd(done.cost_micro_usd),
        "saved_usd": _usd(_saved(done)),
        "trace_id": done.trace_id,
        "warnings": [*warnings, *done.warnings] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def outcome_headers(outcome: Mapping[str, Any]) -> dict[str, str]:
    """The same as response headers, without the warnings."""
    return {
        header: str(outcome[name])
        for header, name in zip(OUTCOME_HEADERS, _IN_HEADERS, strict=True)
        if name in outcome
    }


def _saved(done: Done) -> Decimal | None:
    if done.baseline_micro_usd is None or done.cost_micro_usd is None:
        return None
    return done.baseline_micro_usd - done.cost_micro_usd


def _usd(micro: Decimal | None) -> str | None:
    return None if micro is None else f"{(micro / _MICRO).normalize():f}"
