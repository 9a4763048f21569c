"""What would each tier bring to this request: may it serve, how well, at what price?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from producers.contract import Candidate, Demands, Request, Usage
from router.decide.caller_overrides import CallerOverride
from router.decide.demands import binds_zone, demands_of
from router.decide.success_model import Scores, SuccessModel
from router.learn.estimate import Estimate, PosteriorSuccess, prior_only
from router.text.features import Features
from runtime.config.catalog import Catalog, Deployment, Tenant
from runtime.config.eligibility import ineligibility, too_long
from runtime.config.sections.policy import PolicySettings, RoutingRule, TaskProfile

PriceByName: TypeAlias = Callable[[str, Usage], Decimal | None]
"""(deployment, usage) → micro-USD; None = unpriced."""

MICRO_USD_PER_USD: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """What every decision rests on: it changes with the configuration, not with the request."""

    catalog: Catalog
    settings: PolicySettings
    price_of: PriceByName
    model: SuccessModel
    posterior: PosteriorSuccess = prior_only


@dataclass(frozen=True, slots=True)
class RoutingInput:
    """A request with everything that is known of it. budget_used: spent share of its budget."""

    request: Request
    features: Features
    scores: Scores
    config: RoutingConfig
    tenant: Tenant
    override: CallerOverride
    rule: RoutingRule | None
    budget_used: float

    @property
    def catalog(self) -> Catalog:
        """The models, deployments and tiers there are."""
        return self.config.catalog

    @property
    def settings(self) -> PolicySettings:
        """The operator's wishes."""
        return self.config.settings

    @property
    def demands(self) -> Demands:
        """What a deployment must meet."""
        return demands_of(self.request, self.features, self.tenant, self.override.model)

    @property
    def task(self) -> str:
        """The declared task, else the recognised one."""
        return self.features.declared_task or self.features.task

    @property
    def profile(self) -> TaskProfile:
        """What the operator knows of the task; empty when nothing."""
        return self.settings.tasks.get(self.task, TaskProfile())


@dataclass(frozen=True, slots=True)
class TierCandidate:
    """A tier as it was judged. rejected: the constraint against it; None = it can serve.

    zone: the only zone whose pool may take the request, when one binds. assumed: what the success
    was thought to be before outcomes moved it; None = they didn't.
    """

    tier: str
    success: Estimate
    cost: Decimal | None = None
    zone: str | None = None
    rejected: str | None = None
    obstacle: Literal["not asked", "too long", "other"] | None = None
    assumed: float | None = None

    def as_candidate(self) -> Candidate:
        """The option as the reply shows it."""
        return Candidate(
            tier=self.tier,
            success=round(self.success.mean, 3),
            cost_micro_usd=self.cost,
            rejected=self.rejected,
            assumed=None if self.assumed is None else round(self.assumed, 3),
        )


_Price: TypeAlias = Callable[[str], Decimal | None]
_Fit: TypeAlias = tuple[str, Deployment, Decimal | None]


def evaluate_tiers(case: RoutingInput) -> tuple[TierCandidate, ...]:
    """Every tier of the catalog, in its order: the cheapest first."""
    demands = case.demands
    usage = Usage(input_uncached=case.features.tokens, output=_answer_tokens(case))

    def price(deployment: str) -> Decimal | None:
        return case.config.price_of(deployment, usage)

    return tuple(_option(case, tier, demands, price) for tier in case.catalog.tiers)


def _option(case: RoutingInput, tier: str, demands: Demands, price: _Price) -> TierCandidate:
    assumed = _success(case, tier)
    success = case.config.posterior((case.request.tenant, case.task, tier), assumed)
    option = TierCandidate(tier, success, assumed=None if success == assumed else assumed.mean)
    closed = _closed(case, tier)
    if closed is not None:
        return replace(option, rejected=closed, obstacle="not asked")
    fit = _first_fit(case, tier, demands, price)
    if fit is None:
        return _unfit(case, option, demands)
    _, deployment, cost = fit
    zone = deployment.zone if binds_zone(demands) else None
    too_dear = _too_dear(case.request.routing.max_cost_usd, cost)
    priced = replace(option, cost=cost, zone=zone)
    return priced if too_dear is None else replace(priced, rejected=too_dear, obstacle="other")


def _success(case: RoutingInput, tier: str) -> Estimate:
    """The classifier's estimate, around the measured average of this task where there is one."""
    tiers = list(case.catalog.tiers)
    measured = case.profile.success.get(tier, _measured(case, tier))
    return case.scores.success(tiers.index(tier), len(tiers), measured)


def _measured(case: RoutingInput, tier: str) -> float | None:
    """The catalog's quality of the tier's preferred model at this task."""
    _, deployment = next(case.catalog.deployments_of(tier))
    return case.catalog.models[deployment.model].quality.get(case.task)


def _closed(case: RoutingInput, tier: str) -> str | None:
    """Why the whole tier is out of the question, whatever its deployments."""
    order = list(case.catalog.tiers)
    if case.override.tier is not None and tier != case.override.tier:
        return case.override.reason
    if case.profile.tiers and tier not in case.profile.tiers:
        return f"task {case.task} is served by {', '.join(case.profile.tiers)} only"
    ceiling = case.rule.at_most if case.rule else None
    if ceiling is not None and order.index(tier) > order.index(ceiling):
        return f"above {ceiling}: {case.rule.because if case.rule else ''}"
    return None


def _first_fit(case: RoutingInput, tier: str, demands: Demands, price: _Price) -> _Fit | None:
    """The deployment that the tier's order prefers among those that fit, with its price."""
    fits: Iterator[_Fit] = (
        (name, deployment, price(name))
        for name, deployment in case.catalog.deployments_of(tier)
        if ineligibility(deployment, case.catalog.models[deployment.model], demands) is None
    )
    if case.catalog.tiers[tier].order == "listed":
        return next(fits, None)
    return min(fits, key=lambda fit: (fit[2] is None, fit[2] or Decimal(0)), default=None)


def _unfit(case: RoutingInput, option: TierCandidate, demands: Demands) -> TierCandidate:
    """Each obstacle once, in the order of the deployments."""
    pairs = [(d, case.catalog.models[d.model]) for _, d in case.catalog.deployments_of(option.tier)]
    why = dict.fromkeys(ineligibility(d, model, demands) or "" for d, model in pairs)
    long = any(too_long(model, demands) for _, model in pairs)
    return replace(option, rejected="; ".join(why), obstacle="too long" if long else "other")


def _too_dear(limit_usd: Decimal | None, cost: Decimal | None) -> str | None:
    if limit_usd is None:
        return None
    if cost is None:
        return f"has no known price, so can't be held to {limit_usd} USD"
    if cost > limit_usd * MICRO_USD_PER_USD:
        return (
            f"would cost about {cost / MICRO_USD_PER_USD:.6f} USD, at most {limit_usd} are allowed"
        )
    return None


def _answer_tokens(case: RoutingInput) -> int:
    """The task's usual length of an answer, within the caller's limit."""
    usual = case.profile.output_tokens or case.features.output_tokens
    return min(usual, case.features.output_tokens)
