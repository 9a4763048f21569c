"""Tier candidates: may each tier serve this request, how well, at what price?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from observability.pricing.money import MICRO_USD
from producers.contract import Candidate, Demands, Request, Usage
from router.decide.caller_overrides import CallerOverride
from router.decide.demands import binds_zone
from router.decide.success_model import Scores, SuccessModel
from router.learn.estimate import Estimate, PosteriorSuccess, prior_only
from router.text.features import Features
from runtime.config.catalog import Catalog, Deployment, Tenant
from runtime.config.eligibility import EligibleDeployments, ineligibility, too_long
from runtime.config.sections.policy import PolicySettings, RoutingRule, TaskProfile

NO_PROFILE: Final = TaskProfile()
"""Of a task that the operator says nothing about."""

PriceByName: TypeAlias = Callable[[str, Usage], Decimal | None]
"""(deployment, usage) → micro-USD; None = unpriced."""


def _unpriced(_deployment: str, _usage: Usage) -> None:
    return None


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """What every decision rests on: it changes with the configuration, not with the request."""

    catalog: Catalog
    settings: PolicySettings
    price_of: PriceByName
    model: SuccessModel
    posterior: PosteriorSuccess = prior_only
    batch_price_of: PriceByName = _unpriced
    """As `price_of`, in the deployment's batches."""
    eligible: EligibleDeployments = field(init=False, repr=False, compare=False)
    order: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The names of the tiers, the cheapest first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "eligible", EligibleDeployments(self.catalog))
        object.__setattr__(self, "order", tuple(self.catalog.tiers))


@dataclass(frozen=True, slots=True)
class RoutingInput:
    """A request with everything that its decision rests on."""

    request: Request
    features: Features
    scores: Scores
    config: RoutingConfig
    tenant: Tenant
    override: CallerOverride
    rule: RoutingRule | None
    demands: Demands
    """What a deployment must meet."""
    task: str
    """The declared task, else the recognised one."""
    profile: TaskProfile
    """What the operator knows of the task; empty when nothing."""
    budget_used: float
    """Share of the tenant's tightest budget that is spent."""

    @property
    def catalog(self) -> Catalog:
        """The models, deployments and tiers there are."""
        return self.config.catalog

    @property
    def settings(self) -> PolicySettings:
        """The operator's policy."""
        return self.config.settings


@dataclass(frozen=True, slots=True)
class TierCandidate:
    """A tier as it was judged."""

    tier: str
    success: Estimate
    cost: Decimal | None = None
    """Micro-dollars; None: no price is known."""

    zone: str | None = None
    """The only zone whose pool may take the request; None: any."""

    rejected: str | None = None
    """The constraint against the tier, in words; None: it can serve."""

    obstacle: Literal["not asked", "too long", "other"] | None = None
    """The kind of that constraint, which decides the code of a refusal."""

    assumed: float | None = None
    """The success before outcomes moved it; None: they didn't."""

    def as_candidate(self) -> Candidate:
        """The candidate as the reply shows it."""
        return Candidate(
            tier=self.tier,
            success=round(self.success.mean, 3),
            cost_micro_usd=self.cost,
            rejected=self.rejected,
            assumed=None if self.assumed is None else round(self.assumed, 3),
        )


_Price: TypeAlias = Callable[[str], Decimal | None]
_Fit: TypeAlias = tuple[str, Deployment, Decimal | None]


def evaluate_tiers(inputs: RoutingInput) -> tuple[TierCandidate, ...]:
    """Every tier of the catalog, in its order: the cheapest first."""
    usage = Usage(input_uncached=inputs.features.tokens, output=_answer_tokens(inputs))

    def price(deployment: str) -> Decimal | None:
        return inputs.config.price_of(deployment, usage)

    return tuple(_candidate(inputs, tier, price) for tier in inputs.config.order)


def _candidate(inputs: RoutingInput, tier: str, price: _Price) -> TierCandidate:
    assumed = _success(inputs, tier)
    success = inputs.config.posterior((inputs.request.tenant, inputs.task, tier), assumed)
    candidate = TierCandidate(tier, success, assumed=None if success == assumed else assumed.mean)
    exclusion = _exclusion(inputs, tier)
    if exclusion is not None:
        return replace(candidate, rejected=exclusion, obstacle="not asked")
    fit = _first_fit(inputs, tier, price)
    if fit is None:
        return _unfit(inputs, candidate)
    _, deployment, cost = fit
    zone = deployment.zone if binds_zone(inputs.demands) else None
    too_dear = _too_dear(inputs.request.routing.max_cost_usd, cost)
    priced = replace(candidate, cost=cost, zone=zone)
    return priced if too_dear is None else replace(priced, rejected=too_dear, obstacle="other")


def _success(inputs: RoutingInput, tier: str) -> Estimate:
    """The classifier's estimate, around the measured average of this task where there is one."""
    tiers = inputs.config.order
    measured = inputs.profile.success.get(tier, _measured(inputs, tier))
    return inputs.scores.success(tiers.index(tier), len(tiers), measured)


def _measured(inputs: RoutingInput, tier: str) -> float | None:
    """The catalog's quality of the tier's preferred model at this task."""
    _, deployment = next(inputs.catalog.deployments_of(tier))
    return inputs.catalog.models[deployment.model].quality.get(inputs.task)


def _exclusion(inputs: RoutingInput, tier: str) -> str | None:
    """Why the whole tier is out of the question, whatever its deployments."""
    order = inputs.config.order
    if inputs.override.tier is not None and tier != inputs.override.tier:
        return inputs.override.reason
    if inputs.profile.tiers and tier not in inputs.profile.tiers:
        return f"task {inputs.task} is served by {', '.join(inputs.profile.tiers)} only"
    ceiling = inputs.rule.at_most if inputs.rule else None
    if ceiling is not None and order.index(tier) > order.index(ceiling):
        return f"above {ceiling}: {inputs.rule.because if inputs.rule else ''}"
    return None


def _first_fit(inputs: RoutingInput, tier: str, price: _Price) -> _Fit | None:
    """The deployment that the tier's order prefers among those that fit, with its price."""
    deployments = inputs.catalog.deployments
    fits: Iterator[_Fit] = (
        (name, deployments[name], price(name))
        for name in inputs.config.eligible.names(tier, inputs.demands)
    )
    if inputs.catalog.tiers[tier].order == "listed":
        return next(fits, None)
    return min(fits, key=lambda fit: (fit[2] is None, fit[2] or Decimal(0)), default=None)


def _unfit(inputs: RoutingInput, candidate: TierCandidate) -> TierCandidate:
    """Each obstacle once, in the order of the deployments."""
    demands = inputs.demands
    pairs = [
        (d, inputs.catalog.models[d.model])
        for _, d in inputs.catalog.deployments_of(candidate.tier)
    ]
    why = dict.fromkeys(ineligibility(d, model, demands) or "" for d, model in pairs)
    long = any(too_long(model, demands) for _, model in pairs)
    return replace(candidate, rejected="; ".join(why), obstacle="too long" if long else "other")


def _too_dear(limit_usd: Decimal | None, cost: Decimal | None) -> str | None:
    if limit_usd is None:
        return None
    if cost is None:
        return f"has no known price, so can't be held to {limit_usd} USD"
    if cost > limit_usd * MICRO_USD:
        return f"would cost about {cost / MICRO_USD:.6f} USD, at most {limit_usd} are allowed"
    return None


def _answer_tokens(inputs: RoutingInput) -> int:
    """The task's usual length of an answer, within the caller's limit."""
    usual = inputs.profile.output_tokens or inputs.features.output_tokens
    return min(usual, inputs.features.output_tokens)
