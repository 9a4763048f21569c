"""Routing demands: the `x-switchgear-…` headers and the body's `switchgear` object as `routing`.

A demand that isn't known is refused: one that is ignored in silence may be a residency.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors.api_error import ApiError
from producers.contract import Routing
from runtime import limits

HEADER_PREFIX: Final = "x-switchgear-"
FIELD: Final = "switchgear"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pairs(text: str) -> dict[str, str]:
    pairs = (name.partition("=") for name in _names(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _truth(text: str) -> bool | str:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)


_HEADERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "tier": ("tier", str),
    "min-quality": ("min_quality", str),
    "max-cost-usd": ("max_cost_usd", str),
    "deadline-ms": ("deadline_ms", str),
    "max-ttft-ms": ("max_ttft_ms", str),
    "objective": ("objective", str),
    "latency": ("latency", str),
    "residency": ("residency", _names),
    "self-hosted-only": ("self_hosted_only", _truth),
    "task": ("task", str),
    "cache": ("cache", lambda text: {"mode": text}),
    "tags": ("tags", _pairs),
    "conversation": ("conversation", str),
    "ordered": ("ordered", _truth),
}
"""By the header's name without the prefix: the field of `routing`, and how its text is read."""


def routing_demands(headers: Mapping[str, str], body: object) -> dict[str, Any] | ApiError:
    """The `routing` of a request: the body's object, and over it the headers."""
    if body is None:
        body = {}
    if not isinstance(body, Mapping):
        return _unknown(FIELD, "it must be an object of routing demands")
    strange = next((name for name in body if name not in Routing.model_fields), None)
    if strange is not None:
        known = ", ".join(Routing.model_fields)
        return _unknown(f"{FIELD}.{str(strange)[:60]}", f"not a routing demand; known are {known}")
    problem = _crowded(body)
    if problem is not None:
        return problem
    routing = dict(body)
    for name, text in headers.items():
        if name.startswith(HEADER_PREFIX):
            demand = _HEADERS.get(name.removeprefix(HEADER_PREFIX))
            if demand is None:
                known = ", ".join(HEADER_PREFIX + known for known in _HEADERS)
                return _unknown(name[:80], f"not a known header; known are {known}")
            field, read = demand
            routing[field] = read(text)
    return routing


def _crowded(body: Mapping[str, Any]) -> ApiError | None:
    checks = body.get("validators")
    problem = limits.CHECKS.refusal(len(checks)) if isinstance(checks, list) else None
    return None if problem is None else _unknown(f"{FIELD}.validators", problem)


def _unknown(where: str, problem: str) -> ApiError:
    return ApiError("invalid_request", "invalid_request", f"{where}: {problem}", where)
