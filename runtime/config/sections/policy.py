"""Routing policy section: rules, task profiles, cascades, budget pressure, learning."""

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from producers.contract import Objective, Validator
from producers.contract.feedback import FeedbackSource
from runtime.config.sections.feedback_reliability import ASSUMED_RELIABILITY, SourceReliability
from runtime.config.sections.section import Section

PolicyShare: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class When(Section):
    """Condition of a rule: what isn't said doesn't matter, several values mean any of them."""

    tasks: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    latency: frozenset[Literal["interactive", "batch"]] = frozenset()
    min_tokens: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    """Each must be present with this value."""

    @model_validator(mode="after")
    def _some_number_fits(self) -> Self:
        smallest, largest = self.min_tokens, self.max_tokens
        if smallest is not None and largest is not None and smallest > largest:
            raise ValueError("min_tokens is above max_tokens; lower it")
        return self


class RoutingRule(Section):
    """A rule of the operator, before any estimate; the first whose `when` holds is applied."""

    when: When
    at_least: str | None = None
    """The lowest tier that may serve the request."""
    at_most: str | None = None
    """The highest tier that may serve the request."""
    because: str = "a rule of the operator"
    """What the caller is told."""


class TaskProfile(Section):
    """What is known of one kind of work."""

    min_quality: PolicyShare | None = None
    objective: Objective | None = None
    """What decides among what is good enough, where the request doesn't say it."""
    error_cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    """USD that a wrong answer costs: the router then minimises price plus expected damage."""
    tiers: tuple[str, ...] = ()
    validators: tuple[Validator, ...] = ()
    """Checks that apply when the request brings none."""
    success: dict[str, PolicyShare] = Field(default_factory=dict)
    """Measured share of good answers by tier."""
    output_tokens: Annotated[int, Field(ge=1)] | None = None
    """The usual length of an answer."""
    cascade: bool = True
    """Whether a cheaper tier may be tried first."""


class BudgetPressure(Section):
    """How the router saves when a tenant's budget runs low."""

    soft: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """Share of the budget from which on the quality floor sinks."""
    concession: PolicyShare = 0.15
    """By how much the floor has sunk at 100 %."""
    when_spent: Literal["reject", "cheapest"] = "reject"
    """What happens then: nothing more is served, or only the cheapest tier."""


class CascadeSettings(Section):
    """Try cheap, verify, escalate."""

    enabled: bool = True
    verifier_catches: PolicyShare = 0.8
    """Share of the wrong answers that a validator notices."""
    verifier_false_alarms: PolicyShare = 0.02
    """Share of the good answers that a validator refuses."""


class LearningSettings(Section):
    """Learning from outcomes; off until switched on, and then only with enough of them."""

    enabled: bool = False
    min_outcomes: Annotated[int, Field(ge=1)] = 50
    """Outcomes of a tenant at a tier below which the prior alone counts."""
    max_shift: PolicyShare = 0.5
    """The furthest that outcomes move a success estimate from its prior."""
    memory: Annotated[int, Field(ge=10)] = 2_000
    """Outcomes after which older ones have faded to a half."""
    explore: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Share of a task's requests that may try a cheaper tier within its quality floor."""
    witnesses: dict[FeedbackSource, SourceReliability] = Field(default_factory=dict)
    """How reliable a source of feedback is, where the operator measured it."""

    def reliability_of(self, source: FeedbackSource) -> SourceReliability:
        """As the operator measured it, else as we assume."""
        return self.witnesses.get(source, ASSUMED_RELIABILITY[source])


class WaitingSettings(Section):
    """Which requests may wait for a provider's batch."""

    margin_h: Annotated[float, Field(ge=0)] = 2
    """Hours that a deadline must lie beyond the batch's window."""
    short_deadlines: bool = False
    """Whether `latency: batch` waits too with a deadline inside of the window: what isn't back in
    time goes to its tier, while its answer may still be billed."""
    shortest_h: Annotated[float, Field(gt=0)] = 1
    """Then the nearest deadline, in hours, that is worth the wait."""


class HedgeSettings(Section):
    """A second call beside one that takes longer than usual; whoever wins, both are paid."""

    max_extra_cost: PolicyShare = 0
    """The share of what a worker spends that second calls may cost, e.g. 0.02; 0: none is made."""


class PolicySettings(Section):
    """How the router chooses a tier."""

    min_quality: PolicyShare = 0.8
    """The quality floor where nobody states one."""
    objective: Objective = "cost"
    """What decides among the tiers and deployments that are good enough, where nobody says it: the
    price, the time to the answer (`latency`), or the product of both (`balanced`)."""
    indifference: PolicyShare = 0.02
    """A difference in success too small to pay for."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Model names of callers that can't be changed, e.g. `{gpt-4: auto}`."""
    ordered_tier: str | None = None
    """Who serves conversations that are answered in order; without it the middle tier."""
    rules: tuple[RoutingRule, ...] = ()
    tasks: dict[str, TaskProfile] = Field(default_factory=dict)
    budget: BudgetPressure = BudgetPressure()
    cascade: CascadeSettings = CascadeSettings()
    learning: LearningSettings = LearningSettings()
    waiting: WaitingSettings = WaitingSettings()
    hedge: HedgeSettings = HedgeSettings()
