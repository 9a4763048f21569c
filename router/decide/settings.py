"""What may an operator set about routing, in the `policy` section of `switchgear.yaml`?"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from producers.contract import Validator
from router.learn.settings import LearningSettings
from runtime.config.catalog import Catalog, Section

PolicyShare: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class When(Section):
    """The requests a rule is for; what isn't said doesn't matter, several values mean any of them.

    tags: each must be present with this value.
    """

    tasks: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    latency: frozenset[str] = frozenset()
    min_tokens: int | None = None
    max_tokens: int | None = None
    tags: dict[str, str] = Field(default_factory=dict)


class RoutingRule(Section):
    """A rule of the operator, before any estimate: from `at_least` up to `at_most`.

    The first rule whose `when` holds is applied. because: what the caller is told.
    """

    when: When
    at_least: str | None = None
    at_most: str | None = None
    because: str = "a rule of the operator"


class TaskProfile(Section):
    """What is known of one kind of work.

    error_cost_usd: what a wrong answer costs: the router then minimises price plus expected damage.
    success: measured share of good answers by tier; output_tokens: the usual length of an answer.
    validators: checks that apply when the request brings none. cascade: whether to try cheap first.
    """

    min_quality: PolicyShare | None = None
    error_cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    tiers: tuple[str, ...] = ()
    validators: tuple[Validator, ...] = ()
    success: dict[str, PolicyShare] = Field(default_factory=dict)
    output_tokens: Annotated[int, Field(ge=1)] | None = None
    cascade: bool = True


class BudgetPressure(Section):
    """From `soft` of a tenant's budget on, the quality floor sinks, by `concession` at 100 %.

    when_spent: what happens then: nothing more is served, or only the cheapest tier.
    """

    soft: Annotated[float, Field(ge=0, lt=1)] = 0.8
    concession: PolicyShare = 0.15
    when_spent: Literal["reject", "cheapest"] = "reject"


class CascadeSettings(Section):
    """Try cheap, verify, escalate. verifier_catches: share of wrong answers a validator notices."""

    enabled: bool = True
    verifier_catches: PolicyShare = 0.8
    verifier_false_alarms: PolicyShare = 0.02


class PolicySettings(Section):
    """How the router chooses. min_quality: the floor where nobody states one.

    indifference: a difference in success too small to pay for.
    aliases: model names of callers that can't be changed, e.g. `{gpt-4: auto}`.
    ordered_tier: who serves conversations that are answered in order; without it the middle tier.
    """

    min_quality: PolicyShare = 0.8
    indifference: PolicyShare = 0.02
    aliases: dict[str, str] = Field(default_factory=dict)
    ordered_tier: str | None = None
    rules: tuple[RoutingRule, ...] = ()
    tasks: dict[str, TaskProfile] = Field(default_factory=dict)
    budget: BudgetPressure = BudgetPressure()
    cascade: CascadeSettings = CascadeSettings()
    learning: LearningSettings = LearningSettings()


def policy_problems(settings: PolicySettings, catalog: Catalog) -> tuple[str, ...]:
    """Every name the settings use that the catalog doesn't define, one sentence each."""
    known = {"auto", *catalog.tiers, *catalog.models}
    aliases = [(f"policy.aliases.{a}", to) for a, to in settings.aliases.items() if to not in known]
    tiers = [(where, tier) for where, tier in _tiers_used(settings) if tier not in catalog.tiers]
    return tuple(f"{where}: {name!r} is not defined" for where, name in (*aliases, *tiers))


def _tiers_used(settings: PolicySettings) -> Iterator[tuple[str, str]]:
    if settings.ordered_tier is not None:
        yield "policy.ordered_tier", settings.ordered_tier
    for number, rule in enumerate(settings.rules):
        bounds = {"at_least": rule.at_least, "at_most": rule.at_most}
        yield from ((f"policy.rules.{number}.{k}", v) for k, v in bounds.items() if v is not None)
    for task, profile in settings.tasks.items():
        yield from ((f"policy.tasks.{task}.tiers", tier) for tier in profile.tiers)
        yield from ((f"policy.tasks.{task}.success", tier) for tier in profile.success)


def parse_policy(policy: Mapping[str, Any], catalog: Catalog) -> PolicySettings:
    """The settings of a catalog's `policy`. Raises ValueError (pydantic's is one) with the fix."""
    settings = PolicySettings.model_validate(policy)
    wrong = policy_problems(settings, catalog)
    if wrong:
        raise ValueError("; ".join(wrong))
    return settings
