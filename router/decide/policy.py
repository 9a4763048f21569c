"""Which tier serves this request, and why?

Rules of this file, in this order:
1. Hard constraints: residency, self-hosting, capabilities, context, the caller's tier, model or
   price limit, the operator's ceilings. Nothing later brings back a tier they exclude.
2. Of the tiers left, the cheapest whose estimated success meets the quality floor; where an error
   has a price, the one with the least expected total.
3. A cascade, where answers are checked and its expected cost is lower than going up at once.
4. Where learning explores: for a small share of requests the tier below, if it may meet the floor.
Everything that decided is in the route's reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from producers.contract import Request, Route
from router.decide import cascade
from router.decide.caller_overrides import RouteRejected, caller_override
from router.decide.success_model import Scores
from router.decide.tier_candidates import (
    MICRO_USD_PER_USD,
    RoutingConfig,
    RoutingInput,
    TierCandidate,
    evaluate_tiers,
)
from router.text.features import Features
from runtime.config.sections.policy import PolicySettings, RoutingRule, When

__all__ = ["RouteRejected", "RoutingConfig", "choose_route"]


def choose_route(
    request: Request,
    features: Features,
    scores: Scores,
    basis: RoutingConfig,
    *,
    budget_used: float = 0.0,
) -> Route | RouteRejected:
    """The route of `request`. budget_used: share of the tenant's tightest budget that is spent."""
    tenant = basis.catalog.tenant(request.tenant)
    if tenant is None:
        return RouteRejected("unknown_tenant", f"tenant {request.tenant!r} isn't served here")
    if budget_used >= 1 and basis.settings.budget.when_spent == "reject":
        return RouteRejected("budget_exceeded", f"the budget of tenant {request.tenant!r} is spent")
    wish = caller_override(request, basis.catalog, basis.settings)
    if isinstance(wish, RouteRejected):
        return wish
    rule = _rule_for(request, features, basis.settings)
    case = RoutingInput(request, features, scores, basis, tenant, wish, rule, budget_used)
    options = evaluate_tiers(case)
    open_ = [option for option in options if option.rejected is None]
    if not open_:
        return _nothing_fits(options)
    return _route(case, options, _decide(case, open_))


@dataclass(frozen=True, slots=True)
class _Decision:
    option: TierCandidate
    reasons: tuple[str, ...]
    cascade: bool = False


def _decide(case: RoutingInput, open_: Sequence[TierCandidate]) -> _Decision:
    if case.override.tier is not None:
        return _Decision(open_[0], (case.override.reason,))
    if case.override.model is not None:
        return _Decision(_cheapest(open_), (case.override.reason,))
    if case.budget_used >= 1:
        return _Decision(_cheapest(open_), ("the budget is spent: the cheapest tier only",))
    raised, why = _from(case, open_)
    decision = _or_cascade(case, raised, _by_quality(case, raised, why))
    return decision if decision.cascade else _or_explore(case, raised, decision)


def _from(
    case: RoutingInput, open_: Sequence[TierCandidate]
) -> tuple[Sequence[TierCandidate], tuple[str, ...]]:
    """The tiers at or above the rule's lower bound; the highest there is when none fits."""
    if case.rule is None or case.rule.at_least is None:
        return open_, ()
    order = list(case.catalog.tiers)
    lowest = order.index(case.rule.at_least)
    raised = [option for option in open_ if order.index(option.tier) >= lowest]
    if raised:
        return raised, (f"at least {case.rule.at_least}: {case.rule.because}",)
    return open_[-1:], (f"nothing from {case.rule.at_least} up can serve; the highest that can",)


def _by_quality(
    case: RoutingInput, options: Sequence[TierCandidate], why: tuple[str, ...]
) -> _Decision:
    """Rule 2 of this file."""
    floor, origin = _floor(case)
    good = [option for option in options if option.success.mean >= floor]
    if good and case.profile.error_cost_usd is not None:
        return _least_total(case.profile.error_cost_usd * MICRO_USD_PER_USD, good, why)
    if good:
        best = _cheapest(good)
        words = f"cheapest expected to succeed: {best.success.mean:.0%}, floor {floor:.0%} {origin}"
        return _Decision(best, (*why, words))
    top = max(option.success.mean for option in options)
    near = [o for o in options if o.success.mean >= top - case.settings.indifference]
    best = _cheapest(near)
    words = f"no tier reaches the floor of {floor:.0%} {origin}; this comes closest: {top:.0%}"
    return _Decision(best, (*why, words))


def _least_total(
    damage: Decimal, options: Sequence[TierCandidate], why: tuple[str, ...]
) -> _Decision:
    """Price plus expected damage; an unpriced tier counts as free of charge, not of damage."""

    def total(option: TierCandidate) -> Decimal:
        return (option.cost or Decimal(0)) + damage * Decimal(1 - option.success.mean)

    best = min(options, key=total)
    words = (
        f"least expected total: {total(best) / MICRO_USD_PER_USD:.4f} USD with the cost of an error"
    )
    return _Decision(best, (*why, words))


def _or_explore(
    case: RoutingInput, options: Sequence[TierCandidate], decision: _Decision
) -> _Decision:
    """Rule 4 of this file. The request's id decides, so a redelivery is decided alike."""
    learning = case.settings.learning
    if not learning.enabled or _lot(case.request.id) >= learning.explore:
        return decision
    below = options[: options.index(decision.option)]
    floor, _ = _floor(case)
    promising = [option for option in below if option.success.high >= floor]
    if not promising:
        return decision
    words = f"one of the {learning.explore:.0%} of requests that explore a cheaper tier"
    return _Decision(promising[-1], (*decision.reasons, words))


def _lot(request_id: str) -> float:
    """A number in 0..1 that looks random and is always the same for this request."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=8).digest()) / 2**64


def _or_cascade(
    case: RoutingInput, options: Sequence[TierCandidate], direct: _Decision
) -> _Decision:
    """Rule 3 of this file: the cheapest first step whose escalation is an open tier."""
    checked = case.request.routing.validators or case.profile.validators
    if not (checked and case.settings.cascade.enabled and case.profile.cascade):
        return direct
    by_tier = {option.tier: option for option in options}
    floor = min(_floor(case)[0], direct.option.success.mean - case.settings.indifference)
    for first in options:
        strong = by_tier.get(case.catalog.tiers[first.tier].next or "")
        plan = cascade.plan_cascade(first, strong, direct.option, floor, case.settings.cascade)
        if plan is not None:
            return _Decision(first, (*direct.reasons, plan), cascade=True)
    return direct


def _floor(case: RoutingInput) -> tuple[float, str]:
    """The highest floor that anyone states, less what a nearly spent budget takes."""
    stated = [
        (case.request.routing.min_quality, "of the request"),
        (case.profile.min_quality, f"of task {case.task}"),
        (case.tenant.min_quality, "of the tenant"),
    ]
    known = [(value, origin) for value, origin in stated if value is not None]
    floor, origin = max(known, default=(case.settings.min_quality, "by default"))
    budget = case.settings.budget
    pressure = max(0.0, min(1.0, case.budget_used) - budget.soft) / (1 - budget.soft)
    if pressure:
        return floor - budget.concession * pressure, f"{origin}, lowered as the budget runs out"
    return floor, origin


def _cheapest(options: Sequence[TierCandidate]) -> TierCandidate:
    """By price; in the catalog's order, cheapest first, when a price is unknown."""
    if any(option.cost is None for option in options):
        return options[0]
    return min(options, key=lambda option: option.cost or Decimal(0))


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


def _nothing_fits(options: Sequence[TierCandidate]) -> RouteRejected:
    asked = [option for option in options if option.obstacle != "not asked"]
    why = "; ".join(f"{option.tier}: {option.rejected}" for option in asked or options)
    if asked and all(option.obstacle == "too long" for option in asked):
        return RouteRejected("context_too_long", f"no model takes a prompt of this size. {why}")
    return RouteRejected("no_deployment_fits", f"nothing can serve this request. {why}")


def _taught(option: TierCandidate) -> tuple[str, ...]:
    if option.assumed is None:
        return ()
    return (f"outcomes moved its success from {option.assumed:.0%} to {option.success.mean:.0%}",)


def _route(case: RoutingInput, options: Sequence[TierCandidate], decision: _Decision) -> Route:
    return Route(
        tier=decision.option.tier,
        zone=decision.option.zone,
        model=case.override.model,
        demands=case.demands,
        task=case.task,
        reasons=(*decision.reasons, *_taught(decision.option), case.scores.reason),
        candidates=tuple(option.as_candidate() for option in options),
        validators=() if case.request.routing.validators else case.profile.validators,
        cascade=decision.cascade,
        learns=case.settings.learning.enabled,
    )
