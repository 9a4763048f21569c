"""Route choice: one request from its text to the decision, and to the queue it belongs in."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from producers.contract import FailureCode, Request, Route, topics
from router.decide import policy, success_model
from router.decide.caller_overrides import RouteRejected
from router.decide.tier_candidates import RoutingConfig
from router.decide.timing import JUST_SENT, RequestClock
from router.text.features import Features, extract_features
from runtime.speed.observed_speed import ObservedSpeed

PASSING: Final[frozenset[FailureCode]] = frozenset(
    ("rate_limited", "budget_exceeded", "overloaded", "deadline_exceeded")
)
"""Refusals for a reason that may be gone, or not yet there, at another moment."""


def decide_route(
    request: Request,
    config: RoutingConfig,
    budget_used: float,
    unserved: Mapping[str, str],
    clock: RequestClock,
) -> tuple[Features, Route | RouteRejected]:
    """Arguments as those of `choose_route`. Takes milliseconds for a large prompt."""
    features = extract_features(request)
    scores = success_model.score_features(features, config.model)
    decision = policy.choose_route(
        request,
        features,
        scores,
        config,
        budget_used=budget_used,
        unserved=unserved,
        clock=clock,
    )
    return features, decision


def timely(
    request: Request,
    submitted_ms: int,
    deadline_ms: int | None,
    observed: Mapping[str, ObservedSpeed],
) -> tuple[Request, RequestClock]:
    """What is decided about, and what time it is for it. Times: Unix milliseconds.

    A request whose deadline is over is routed as if it had none: it may have come again, and only
    a worker sees the record of its ending. Where there is none, the worker refuses it unpaid.
    """
    now_ms = time.time() * 1000
    if deadline_ms is not None and deadline_ms < now_ms:
        return unhurried(request), replace(JUST_SENT, observed=observed)
    left_s = None if deadline_ms is None else (deadline_ms - now_ms) / 1000
    return request, RequestClock(max(0.0, now_ms - submitted_ms) / 1000, left_s, observed)


def unhurried(request: Request) -> Request:
    """The request as if its sender had all the time in the world."""
    routing = request.routing.model_copy(update={"deadline_ms": None, "max_ttft_ms": None})
    return request.model_copy(update={"routing": routing})


def queue_of(route: Route) -> str:
    """The topic that the tagged request goes to."""
    if route.batch:
        return topics.batch_topic(route.zone)
    return topics.tier_topic(route.tier, route.zone)
