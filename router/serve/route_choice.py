"""Route choice: one request from its text to the decision, and to the queue it belongs in."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

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


class Conditions(NamedTuple):
    """How things stand for a request, apart from the configuration; as `choose_route` takes it."""

    clock: RequestClock
    budget_used: float = 0.0
    unserved: Mapping[str, str] = MappingProxyType({})


UNHINDERED: Final = Conditions(JUST_SENT)
"""With all the time and money in the world, and every queue served."""


async def decide_route(
    request: Request, config: RoutingConfig, conditions: Conditions, *, in_thread: bool
) -> tuple[Features, Route | RouteRejected]:
    """in_thread: for a large prompt, which takes milliseconds."""
    if in_thread:
        return await asyncio.to_thread(_decided, request, config, conditions)
    return _decided(request, config, conditions)


def _decided(
    request: Request, config: RoutingConfig, conditions: Conditions
) -> tuple[Features, Route | RouteRejected]:
    features = extract_features(request)
    scores = success_model.score_features(features, config.model)
    decision = policy.choose_route(
        request,
        features,
        scores,
        config,
        budget_used=conditions.budget_used,
        unserved=conditions.unserved,
        clock=conditions.clock,
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
