"""Tier candidates: may each tier serve this request, how well, at what price?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Final, Literal, TypeAlias

from observability.pricing.money import MICRO_USD
from producers.contract import Candidate, Demands, Request, Usage, topics
from router.decide.caller_overrides import CallerOverride
from router.decide.demands import binds_zone
from router.decide.model_estimates import ModelEstimates
from router.decide.success_model import Scores, SuccessModel
from router.decide.timing import Timing
from router.learn.estimate import Estimate, PosteriorSuccess, prior_only, served_by
from router.text.features import Features
from router.text.languages import ScriptClass, script_class
from router.text.tokenizer import ESTIMATED_BYTES_PER_TOKEN
from runtime.config.catalog import Catalog, Deployment, Tenant
from runtime.config.eligibility import EligibleDeployments, ineligibility, too_long
from runtime.config.pricing import is_committed
from runtime.config.sections.policy import PolicySettings, RoutingRule, TaskProfile
from runtime.known.tables import known_tables
from runtime.speed.expected_speed import ExpectedSpeeds
from runtime.speed.objective import Rank, rank

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
    bytes_per_token: Mapping[str, Mapping[ScriptClass, float]] = field(default_factory=dict)
    """By family of models; of one that isn't named, as the features estimate."""
    eligible: EligibleDeployments = field(init=False, repr=False, compare=False)
    order: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The names of the tiers, the cheapest first."""
    families: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Of each deployment's model."""
    estimates: ModelEstimates = field(init=False, repr=False, compare=False)
    speeds: ExpectedSpeeds = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "eligible", EligibleDeployments(self.catalog))
        object.__setattr__(self, "order", tuple(self.catalog.tiers))
        models, deployments = self.catalog.models, self.catalog.deployments
        families = {name: models[each.model].family for name, each in deployments.items()}
        object.__setattr__(self, "families", families)
        object.__setattr__(self, "estimates", ModelEstimates(self.catalog, self.settings))
        object.__setattr__(self, "speeds", ExpectedSpeeds(self.catalog, known_tables()))


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
    timing: Timing
    """When the answer is wanted, and to be expected."""
    unserved: Mapping[str, str] = field(default_factory=dict)
    """By queue: why nobody would take a request from there."""

    @property
    def catalog(self) -> Catalog:
        """The models, deployments and tiers there are."""
        return self.config.catalog

    @property
    def settings(self) -> PolicySettings:
        """The operator's policy."""
        return self.config.settings

    @property
    def floor(self) -> tuple[float, str]:
        """The highest floor that anyone states, less what a nearly spent budget takes; whose."""
        stated = [
            (self.request.routing.min_quality, "of the request"),
            (self.profile.min_quality, f"of task {self.task}"),
            (self.tenant.min_quality, "of the tenant"),
        ]
        known = [(value, origin) for value, origin in stated if value is not None]
        floor, origin = max(known, default=(self.settings.min_quality, "by default"))
        budget = self.settings.budget
        pressure = max(0.0, min(1.0, self.budget_used) - budget.soft) / (1 - budget.soft)
        if pressure:
            return floor - budget.concession * pressure, f"{origin}, lowered as the budget runs out"
        return floor, origin


_Obstacle: TypeAlias = Literal["not asked", "too long", "no pool", "too late", "other"]


@dataclass(frozen=True, slots=True)
class ModelSuccess:
    """How well a model is expected to answer a request."""

    model: str
    success: Estimate
    origin: str
    """Where the estimate comes from, in words."""

    assumed: float | None = None
    """The success before outcomes moved it; None: they didn't."""


@dataclass(frozen=True, slots=True)
class TierCandidate:
    """A tier as it was judged."""

    tier: str
    expected: ModelSuccess
    """Of the model that would be asked first."""

    cost: Decimal | None = None
    """Micro-dollars; None: no price is known."""

    zone: str | None = None
    """The only zone whose pool may take the request; None: any."""

    committed: bool = False
    """Whether the throughput of the deployment to ask first is paid for, used or not."""

    answer_s: float | None = None
    """Seconds to the answer of the deployment to ask first; None: time plays no part."""

    speed: str | None = None
    """Where that comes from, in words."""

    late: bool = False
    """Whether every deployment is expected too late, not all of them by what was measured."""

    avoid: tuple[str, ...] = ()
    """Deployments of the tier to ask last: their models are expected to do worse."""

    rejected: str | None = None
    """The constraint against the tier, in words; None: it can serve."""

    obstacle: _Obstacle | None = None
    """The kind of that constraint, which decides the code of a refusal."""

    @property
    def success(self) -> Estimate:
        """How well the tier is expected to answer."""
        return self.expected.success

    def as_candidate(self) -> Candidate:
        """The candidate as the reply shows it."""
        assumed = self.expected.assumed
        return Candidate(
            tier=self.tier,
            success=round(self.success.mean, 3),
            cost_micro_usd=self.cost,
            rejected=self.rejected,
            assumed=None if assumed is None else round(assumed, 3),
            origin=self.expected.origin,
            expected_s=None if self.answer_s is None else round(self.answer_s, 3),
            speed=self.speed,
        )


_Price: TypeAlias = Callable[[str], Decimal | None]


def evaluate_tiers(inputs: RoutingInput) -> tuple[TierCandidate, ...]:
    """Every tier of the catalog, in its order: the cheapest first."""
    usages: dict[str, Usage] = {}
    families, price_of = inputs.config.families, inputs.config.price_of

    def price(deployment: str) -> Decimal | None:
        family = families[deployment]
        usage = usages.get(family)
        if usage is None:
            usage = usages[family] = usage_by_family(inputs, family)
        return price_of(deployment, usage)

    return tuple([_candidate(inputs, tier, price) for tier in inputs.config.order])


def _candidate(inputs: RoutingInput, tier: str, price: _Price) -> TierCandidate:
    exclusion = _exclusion(inputs, tier)
    if exclusion is not None:
        return _out_of_question(inputs, tier, exclusion, "not asked")
    fits = inputs.config.eligible.names(tier, inputs.demands)
    if not fits:
        return _unfit(inputs, tier)
    if inputs.unserved:
        reasons = {name: _unserved(inputs, tier, name) for name in fits}
        fits = [name for name in fits if reasons[name] is None]
        if not fits:
            why = "; ".join(dict.fromkeys(filter(None, reasons.values())))
            return _out_of_question(inputs, tier, why, "no pool")
    if not inputs.timing.matters:
        return _serving(inputs, tier, fits, price)
    in_time = [name for name in fits if not inputs.timing.late(name)]
    if not in_time and all(map(inputs.timing.measured, fits)):
        return _out_of_question(inputs, tier, inputs.timing.too_late(fits), "too late")
    candidate = _serving(inputs, tier, in_time or fits, price)
    return replace(candidate, late=not in_time)


def _serving(inputs: RoutingInput, tier: str, fits: Sequence[str], price: _Price) -> TierCandidate:
    """A tier that can serve, unless its first choice is too dear. fits: those that may be asked."""
    first, expected, avoid = _preferred(inputs, tier, fits, price)
    timing, deployment = inputs.timing, inputs.catalog.deployments[first]
    cost = price(first)
    too_dear = _too_dear(inputs.request.routing.max_cost_usd, cost)
    return TierCandidate(
        tier,
        expected,
        cost,
        deployment.zone if binds_zone(inputs.demands) else None,
        committed=is_committed(deployment),
        answer_s=timing.answer_s(first) if timing.matters else None,
        speed=timing.speed_of(first).origin if timing.matters else None,
        avoid=avoid,
        rejected=too_dear,
        obstacle=None if too_dear is None else "other",
    )


def _unserved(inputs: RoutingInput, tier: str, deployment: str) -> str | None:
    """Why nobody would take a request from the queue that the deployment would have it in."""
    bound = binds_zone(inputs.demands)
    zone = inputs.catalog.deployments[deployment].zone if bound else None
    return inputs.unserved.get(topics.tier_topic(tier, zone))


def _preferred(
    inputs: RoutingInput, tier: str, fits: Sequence[str], price: _Price
) -> tuple[str, ModelSuccess, tuple[str, ...]]:
    """The deployment to ask first, what is expected of its model, and the deployments to ask last.

    The first in the tier's order whose model meets the floor; without one, the best is. A tier's
    order is by price or by habit, and must not send the request to a model that is known to fail.
    Where an error has a price, the model with the least expected total goes first.
    """
    deployments = inputs.catalog.deployments
    ranks = _ranks(inputs, tier, fits, price)
    first = _first(fits, ranks)
    models = {deployments[name].model for name in fits}
    expected = expected_success(inputs, tier, deployments[first].model)
    by_cost = inputs.timing.objective == "cost"
    damage = inputs.profile.error_cost_usd if by_cost else None
    if len(models) == 1 or (damage is None and expected.success.mean >= inputs.floor[0]):
        return first, expected, ()
    by_model = {model: expected_success(inputs, tier, model) for model in models}
    good = _good_enough(inputs, by_model)
    better = [name for name in fits if deployments[name].model in good]
    if damage is None:
        first = _first(better, ranks)
    else:
        costs = {name: price(name) for name in better}
        least = partial(_total, deployments, by_model, damage * MICRO_USD)
        first = min(better, key=lambda name: least(name, costs[name]))
        good = {deployments[first].model}
    avoid = tuple(name for name in fits if deployments[name].model not in good)
    return first, by_model[deployments[first].model], avoid


def _good_enough(inputs: RoutingInput, by_model: Mapping[str, ModelSuccess]) -> set[str]:
    """The models that meet the floor; where none does, the best and those as good."""
    floor, _ = inputs.floor
    top = max(each.success.mean for each in by_model.values())
    least = floor if top >= floor else top - inputs.settings.indifference
    return {model for model, each in by_model.items() if each.success.mean >= least}


def _total(
    deployments: Mapping[str, Deployment],
    by_model: Mapping[str, ModelSuccess],
    damage: Decimal,
    name: str,
    cost: Decimal | None,
) -> Decimal:
    """Price plus expected damage; an unpriced deployment is free of charge, not of damage."""
    success = by_model[deployments[name].model].success.mean
    return (cost or Decimal(0)) + damage * Decimal(1 - success)


def _ranks(
    inputs: RoutingInput, tier: str, names: Sequence[str], price: _Price
) -> Mapping[str, Rank]:
    """By the objective; empty where the tier's order is as listed and nobody is in a hurry."""
    objective = inputs.timing.objective
    if objective != "cost":
        return {name: rank(objective, price(name), inputs.timing.answer_s(name)) for name in names}
    if inputs.catalog.tiers[tier].order == "cheapest":
        return {name: rank("cost", price(name), 0.0) for name in names}
    return {}


def _first(names: Sequence[str], ranks: Mapping[str, Rank]) -> str:
    """The best; the first one listed where there are no ranks."""
    return min(names, key=ranks.__getitem__) if ranks else names[0]


def expected_success(inputs: RoutingInput, tier: str, model: str) -> ModelSuccess:
    """What is known of the model at this task, moved by the prompt and then by outcomes."""
    known = inputs.config.estimates.of(tier, model, inputs.task)
    assumed = known.measured or inputs.scores.success(known.standing, known.tier_success)
    tenant, posterior = inputs.request.tenant, inputs.config.posterior
    success = posterior((tenant, inputs.task, served_by(model)), assumed)
    if success is assumed:
        # what was said of the tier before feedback named models
        success = posterior((tenant, inputs.task, tier), assumed)
    moved = None if success is assumed or success == assumed else assumed.mean
    return ModelSuccess(model, success, known.origin, moved)


def usage_by_family(inputs: RoutingInput, family: str) -> Usage:
    """What a call of a model of `family` would be billed: each counts tokens by its own tokenizer.

    A prompt with pictures is taken as it was estimated: they are no text.
    """
    features = inputs.features
    sizes = inputs.config.bytes_per_token.get(family)
    scale = 1.0
    if sizes is not None and "images" not in features.needs:
        scale = ESTIMATED_BYTES_PER_TOKEN / sizes[script_class(features.languages)]
    return Usage(
        input_uncached=round(features.tokens * scale),
        output=answer_tokens(inputs.profile, inputs.features),
    )


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


def _out_of_question(inputs: RoutingInput, tier: str, why: str, kind: _Obstacle) -> TierCandidate:
    """A tier that can't serve, with what its first deployment would be expected to do."""
    _, deployment = next(inputs.catalog.deployments_of(tier))
    expected = expected_success(inputs, tier, deployment.model)
    return TierCandidate(tier, expected, rejected=why, obstacle=kind)


def _unfit(inputs: RoutingInput, tier: str) -> TierCandidate:
    """Each obstacle once, in the order of the deployments."""
    demands = inputs.demands
    named = list(inputs.catalog.deployments_of(tier))
    models = inputs.catalog.models
    why = dict.fromkeys(ineligibility(d, models[d.model], demands, n) or "" for n, d in named)
    long = any(too_long(models[d.model], demands) for _, d in named)
    return _out_of_question(inputs, tier, "; ".join(why), "too long" if long else "other")


def _too_dear(limit_usd: Decimal | None, cost: Decimal | None) -> str | None:
    if limit_usd is None:
        return None
    if cost is None:
        return f"has no known price, so can't be held to {limit_usd} USD"
    if cost > limit_usd * MICRO_USD:
        return f"would cost about {cost / MICRO_USD:.6f} USD, at most {limit_usd} are allowed"
    return None


def answer_tokens(profile: TaskProfile, features: Features) -> int:
    """The task's usual length of an answer, within the caller's limit."""
    return min(profile.output_tokens or features.output_tokens, features.output_tokens)
