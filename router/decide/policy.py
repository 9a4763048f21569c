"""Routing policy: which tier serves this request, and why?

Rules of this file, in this order:
1. Hard constraints: residency, self-hosting, capabilities, context, the caller's tier, model or
   price limit, the operator's ceilings, and time limits that no deployment of a tier keeps by what
   was measured. Nothing later brings back a tier they exclude.
2. Of the tiers left, the best by the objective (price, time or both) whose estimated success meets
   the quality floor; where an error has a price, it belongs to the price. One that is expected in
   time goes before one that is assumed to be late.
3. A cascade, where answers are checked and its expected cost is lower than going up at once.
4. Where learning explores: for a small share of requests the tier below, if it may meet the floor.
Everything that decided is in the route's reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from observability.evaluation.data_sets.request_sample import EVALUATION_TAG
from observability.pricing.money import MICRO_USD
from producers.contract import Objective, Request, Route, Validator
from router.decide import cascade
from router.decide.caller_overrides import RouteRejected, caller_override
from router.decide.demands import demands_of
from router.decide.success_model import Scores
from router.decide.tier_candidates import (
    NO_PROFILE,
    RoutingConfig,
    RoutingInput,
    TierCandidate,
    answer_tokens,
    evaluate_tiers,
)
from router.decide.timing import JUST_SENT, RequestClock, Timing, objective_of, seconds, timing_of
from router.text.features import Features
from runtime.config.sections.policy import PolicySettings, RoutingRule, When
from runtime.speed.objective import rank

__all__ = ["RouteRejected", "RoutingConfig", "choose_route"]


PAID_FOR: Final = "its throughput is paid for: while there is room, a call costs nothing more"
_ALL_SERVED: Final[Mapping[str, str]] = {}
_BEST: Final[Mapping[Objective, str]] = {
    "cost": "cheapest",
    "latency": "fastest",
    "balanced": "best by price and time",
}
_GOALS: Final[Mapping[Objective, str]] = {
    "latency": "objective latency",
    "balanced": "objective price and time",
}


def choose_route(  # noqa: PLR0913 - what one decision rests on, spelled out
    request: Request,
    features: Features,
    scores: Scores,
    config: RoutingConfig,
    *,
    budget_used: float = 0.0,
    unserved: Mapping[str, str] = _ALL_SERVED,
    clock: RequestClock = JUST_SENT,
) -> Route | RouteRejected:
    """The route of `request`. budget_used: share of the tenant's tightest budget that is spent.

    unserved: by queue, why nobody would take a request from there; clock: what time it is for it.
    """
    tenant = config.catalog.tenant(request.tenant)
    if tenant is None:
        return RouteRejected("unknown_tenant", f"tenant {request.tenant!r} isn't served here")
    if budget_used >= 1 and config.settings.budget.when_spent == "reject":
        return RouteRejected("budget_exceeded", f"the budget of tenant {request.tenant!r} is spent")
    override = caller_override(request, config.catalog, config.settings)
    if isinstance(override, RouteRejected):
        return override
    rule = _rule_for(request, features, config.settings)
    task = features.declared_task or features.task
    profile = config.settings.tasks.get(task, NO_PROFILE)
    stated = objective_of(request, profile, tenant, config.settings)
    speed_of = config.speeds.by(clock.observed)
    inputs = RoutingInput(
        request=request,
        features=features,
        scores=scores,
        config=config,
        tenant=tenant,
        override=override,
        rule=rule,
        demands=demands_of(request, features, tenant, override.model, override.deployment),
        task=task,
        profile=profile,
        budget_used=budget_used,
        timing=timing_of(request, stated, answer_tokens(profile, features), clock, speed_of),
        unserved=unserved,
    )
    return _choose(inputs)


def _choose(inputs: RoutingInput) -> Route | RouteRejected:
    candidates = evaluate_tiers(inputs)
    eligible = [candidate for candidate in candidates if candidate.rejected is None]
    if not eligible:
        return _nothing_fits(candidates)
    return _route(inputs, candidates, _decide(inputs, eligible))


@dataclass(frozen=True, slots=True)
class _Decision:
    candidate: TierCandidate
    reasons: tuple[str, ...]
    cascade: bool = False


def _decide(inputs: RoutingInput, eligible: Sequence[TierCandidate]) -> _Decision:
    if inputs.override.tier is not None or inputs.override.model is not None:
        return _best(inputs, eligible, (inputs.override.reason,))
    if inputs.budget_used >= 1:
        return _Decision(_cheapest(eligible), ("the budget is spent: the cheapest tier only",))
    allowed, why = _at_least(inputs, eligible)
    decision = _or_cascade(inputs, allowed, _by_quality(inputs, allowed, why))
    return decision if decision.cascade else _or_explore(inputs, allowed, decision)


def _at_least(
    inputs: RoutingInput, eligible: Sequence[TierCandidate]
) -> tuple[Sequence[TierCandidate], tuple[str, ...]]:
    """The tiers at or above the rule's lower bound; the highest there is when none fits."""
    if inputs.rule is None or inputs.rule.at_least is None:
        return eligible, ()
    order = inputs.config.order
    lowest = order.index(inputs.rule.at_least)
    allowed = [candidate for candidate in eligible if order.index(candidate.tier) >= lowest]
    if allowed:
        return allowed, (f"at least {inputs.rule.at_least}: {inputs.rule.because}",)
    return eligible[-1:], (
        f"nothing from {inputs.rule.at_least} up can serve; the highest that can",
    )


def _by_quality(
    inputs: RoutingInput, candidates: Sequence[TierCandidate], why: tuple[str, ...]
) -> _Decision:
    """Rule 2 of this file."""
    floor, origin = inputs.floor
    good = [candidate for candidate in candidates if candidate.success.mean >= floor]
    damage = inputs.profile.error_cost_usd
    if good and damage is not None and inputs.timing.objective == "cost":
        return _least_total(damage * MICRO_USD, _in_time(good), why)
    if good:
        best = _best(inputs, good, why)
        expected = best.candidate.success.mean
        words = (
            f"{_BEST[inputs.timing.objective]} expected to succeed: {expected:.0%}, "
            f"floor {floor:.0%} {origin}"
        )
        return replace(best, reasons=(*why, words, *best.reasons[len(why) :]))
    top = max(candidate.success.mean for candidate in candidates)
    near = [each for each in candidates if each.success.mean >= top - inputs.settings.indifference]
    words = f"no tier reaches the floor of {floor:.0%} {origin}; this comes closest: {top:.0%}"
    return _best(inputs, near, (*why, words))


def _least_total(
    damage: Decimal, candidates: Sequence[TierCandidate], why: tuple[str, ...]
) -> _Decision:
    """Price plus expected damage; an unpriced tier counts as free of charge, not of damage."""

    def total(candidate: TierCandidate) -> Decimal:
        return (candidate.cost or Decimal(0)) + damage * Decimal(1 - candidate.success.mean)

    best = min(candidates, key=total)
    words = f"least expected total: {total(best) / MICRO_USD:.4f} USD with the cost of an error"
    return _Decision(best, (*why, words))


def _or_explore(
    inputs: RoutingInput, candidates: Sequence[TierCandidate], decision: _Decision
) -> _Decision:
    """Rule 4 of this file. The request's id decides, so a redelivery is decided alike."""
    learning = inputs.settings.learning
    if not learning.enabled or _lot(inputs.request.id) >= learning.explore:
        return decision
    if inputs.timing.objective != "cost":
        return decision
    below = candidates[: candidates.index(decision.candidate)]
    floor, _ = inputs.floor
    promising = [candidate for candidate in below if candidate.success.high >= floor]
    if not promising:
        return decision
    words = f"one of the {learning.explore:.0%} of requests that explore a cheaper tier"
    return _Decision(promising[-1], (*decision.reasons, words))


def _lot(request_id: str) -> float:
    """A number in 0..1 that looks random and is always the same for this request."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=8).digest()) / 2**64


def _task_validators(inputs: RoutingInput) -> tuple[Validator, ...]:
    """The task's checks, for a request without its own; an evaluation measures the first answer."""
    routing = inputs.request.routing
    if routing.validators or EVALUATION_TAG in routing.tags:
        return ()
    return inputs.profile.validators


def _or_cascade(
    inputs: RoutingInput, candidates: Sequence[TierCandidate], direct: _Decision
) -> _Decision:
    """Rule 3 of this file: the cheapest first step whose escalation is an open tier."""
    checked = inputs.request.routing.validators or _task_validators(inputs)
    if not (checked and inputs.settings.cascade.enabled and inputs.profile.cascade):
        return direct
    if inputs.timing.objective == "latency":  # two answers take longer than one
        return direct
    by_tier = {candidate.tier: candidate for candidate in candidates}
    floor = min(inputs.floor[0], direct.candidate.success.mean - inputs.settings.indifference)
    for first in candidates:
        strong = by_tier.get(inputs.catalog.tiers[first.tier].next or "")
        plan = cascade.plan_cascade(first, strong, direct.candidate, floor, inputs.settings.cascade)
        if plan is not None:
            return _Decision(first, (*direct.reasons, plan), cascade=True)
    return direct


def _best(
    inputs: RoutingInput, candidates: Sequence[TierCandidate], why: tuple[str, ...]
) -> _Decision:
    """By the objective, of those that are in time; late ones where all are assumed to be late."""
    timing = inputs.timing
    if not timing.matters:
        return _Decision(_cheapest(candidates), why)
    in_time = _in_time(candidates)
    objective = timing.objective
    damage = (inputs.profile.error_cost_usd or Decimal(0)) * MICRO_USD

    def total(candidate: TierCandidate) -> Decimal | None:
        if candidate.cost is None:
            return None
        return candidate.cost + damage * Decimal(1 - candidate.success.mean)

    best = (
        _cheapest(in_time)
        if objective == "cost"
        else min(in_time, key=lambda each: rank(objective, total(each), each.answer_s or 0.0))
    )
    return _Decision(best, (*why, _timing_in_words(timing, best)))


def _in_time(candidates: Sequence[TierCandidate]) -> Sequence[TierCandidate]:
    """Those that aren't expected late; all where all are."""
    return [candidate for candidate in candidates if not candidate.late] or candidates


def _timing_in_words(timing: Timing, best: TierCandidate) -> str:
    goal = "" if timing.objective == "cost" else f"{_GOALS[timing.objective]} {timing.whose}: "
    expected = f"{goal}answer expected in {seconds(best.answer_s or 0.0)} ({best.speed})"
    return f"{expected}, which is late, but nobody has measured it" if best.late else expected


def _cheapest(candidates: Sequence[TierCandidate]) -> TierCandidate:
    """By price; in the catalog's order, cheapest first, when a price is unknown."""
    if any(candidate.cost is None for candidate in candidates):
        return candidates[0]
    return min(candidates, key=lambda candidate: candidate.cost or Decimal(0))


def _rule_for(request: Request, features: Features, settings: PolicySettings) -> RoutingRule | None:
    return next((rule for rule in settings.rules if _holds(rule.when, request, features)), None)


def _holds(when: When, request: Request, features: Features) -> bool:
    tags = request.routing.tags
    return (
        (not when.tasks or bool(when.tasks & {features.task, features.declared_task}))
        and (not when.tenants or request.tenant in when.tenants)
        and (not when.languages or bool(when.languages & set(features.languages)))
        and (not when.latency or request.routing.latency in when.latency)
        and (when.min_tokens is None or features.tokens >= when.min_tokens)
        and (when.max_tokens is None or features.tokens <= when.max_tokens)
        and all(tags.get(name) == value for name, value in when.tags.items())
    )


def _nothing_fits(candidates: Sequence[TierCandidate]) -> RouteRejected:
    considered = [candidate for candidate in candidates if candidate.obstacle != "not asked"]
    why = "; ".join(
        f"{candidate.tier}: {candidate.rejected}" for candidate in considered or candidates
    )
    if considered and all(candidate.obstacle == "too long" for candidate in considered):
        return RouteRejected("context_too_long", f"no model takes a prompt of this size. {why}")
    if any(candidate.obstacle == "too late" for candidate in considered):
        return RouteRejected("deadline_exceeded", f"nothing answers in time. {why}")
    if any(candidate.obstacle == "no pool" for candidate in considered):
        return RouteRejected("overloaded", f"nobody is there to serve this request. {why}")
    return RouteRejected("no_deployment_fits", f"nothing can serve this request. {why}")


def _origin_of(candidate: TierCandidate) -> tuple[str, ...]:
    """Where the chosen tier's estimate comes from, and what outcomes made of it."""
    expected = candidate.expected
    if expected.assumed is None:
        return (expected.origin,)
    moved = (
        f"outcomes moved its success from {expected.assumed:.0%} to {candidate.success.mean:.0%}"
    )
    return expected.origin, moved


def _route(inputs: RoutingInput, candidates: Sequence[TierCandidate], decision: _Decision) -> Route:
    return Route(
        tier=decision.candidate.tier,
        zone=decision.candidate.zone,
        model=inputs.override.model,
        demands=inputs.demands,
        task=inputs.task,
        reasons=(
            *decision.reasons,
            *((PAID_FOR,) if decision.candidate.committed else ()),
            *_origin_of(decision.candidate),
            inputs.scores.reason,
        ),
        objective=inputs.timing.objective,
        avoid=decision.candidate.avoid,
        candidates=tuple([candidate.as_candidate() for candidate in candidates]),
        validators=_task_validators(inputs),
        cascade=decision.cascade,
        learns=inputs.settings.learning.enabled,
    )
