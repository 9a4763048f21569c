"""Which models, deployments, tiers and tenants does `switchgear.yaml` define, and is it coherent?

Secrets and addresses of the infrastructure are never in the file: a deployment names the
environment variables that hold them.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from observability.pricing.prices import PriceOverride

AUTO: Final = "auto"
"""The `model` of a caller who leaves the choice to the router."""

Capability: TypeAlias = Literal["tools", "images", "json_schema", "logprobs", "reasoning"]
DialectName: TypeAlias = (
    Literal["openai", "anthropic", "bedrock"] | Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
)
"""A wire format: one of ours, or the place of the operator's own, `package.module:Class`."""
EnvName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Section(BaseModel):
    """A part of the file: immutable, and an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptAdaptation(Section):
    """What a model family needs around the caller's system prompt to keep the output contract.

    system_template: a text around `{system}`, for a family that wants the prompt in a frame.
    """

    system_prefix: str = ""
    system_suffix: str = ""
    system_template: Annotated[str, Field(pattern=r"\{system\}")] = "{system}"


class Model(Section):
    """A model wherever it runs. quality: measured share of good answers by task, 0..1."""

    family: str
    context_window: Annotated[int, Field(ge=1)]
    max_output: Annotated[int, Field(ge=1)] = 4096
    capabilities: frozenset[Capability] = frozenset()
    quality: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}
    prompt: PromptAdaptation = PromptAdaptation()


class Deployment(Section):
    """A model at one provider, account and region. zone: where the data stays (`eu`, `us` …).

    provider: the price book's provider (openai, anthropic, mistral, aws, azure, self).
    wire_model: the model's name on the wire, when it isn't the model's own.
    rpm, tpm: requests and tokens per minute the account is granted.
    """

    model: str
    provider: str
    dialect: DialectName = "openai"
    wire_model: str | None = None
    base_url: str
    base_url_env: EnvName | None = None
    api_key_env: EnvName | None = None
    api_version: str | None = None
    account: str = "default"
    region: str = "global"
    zone: str
    self_hosted: bool = False
    rpm: Annotated[int, Field(ge=1)] | None = None
    tpm: Annotated[int, Field(ge=1)] | None = None
    price: PriceOverride | None = None


class Tier(Section):
    """A pool of workers. order: as listed, or the cheapest that fits first. Timeouts in seconds."""

    deployments: Annotated[tuple[str, ...], Field(min_length=1)]
    order: Literal["listed", "cheapest"] = "listed"
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    timeout_s: Annotated[float, Field(gt=0)] = 60
    first_token_timeout_s: Annotated[float, Field(gt=0)] = 30
    next: str | None = None


class TagBudget(Section):
    """USD that the requests with one tag may cost in a day and a month (UTC)."""

    usd_day: Annotated[Decimal, Field(gt=0)] | None = None
    usd_month: Annotated[Decimal, Field(gt=0)] | None = None


class Tenant(Section):
    """What one tenant may do. baseline: the model its bill is compared with.

    Over `budget_soft_share` of a budget a request goes down a tier and carries a warning.
    tag_budgets: by `name=value`, or `name=*` for each value of its own.
    judge_share: of the answers with a context, those that a model of the cheapest tier judges.
    """

    reply_topics: tuple[str, ...] = ("llm.replies", "llm.replies.*")
    residency: tuple[str, ...] = ()
    self_hosted_only: bool = False
    min_quality: Annotated[float, Field(ge=0, le=1)] | None = None
    budget_usd_day: Annotated[Decimal, Field(gt=0)] | None = None
    budget_usd_month: Annotated[Decimal, Field(gt=0)] | None = None
    budget_soft_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    tag_budgets: dict[Annotated[str, Field(pattern=r"^[\w.:/@-]+=.+$")], TagBudget] = {}
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    judge_share: Annotated[float, Field(ge=0, le=1)] = 0
    baseline: str | None = None

    @property
    def has_budget(self) -> bool:
        """Whether any request of the tenant may draw from a budget."""
        own = self.budget_usd_day is not None or self.budget_usd_month is not None
        return own or bool(self.tag_budgets)


class Catalog(Section):
    """The whole file, coherent: every name that is used is defined.

    checks: the operator's own validators, `name: package.module:function`.
    policy and cache are checked by their own readers: `router.decide.settings`, `cache.settings`.
    """

    models: dict[str, Model]
    deployments: dict[str, Deployment]
    tiers: Annotated[dict[str, Tier], Field(min_length=1)]
    tenants: dict[str, Tenant] = {"*": Tenant()}
    default_baseline: str
    checks: dict[str, str] = {}
    policy: dict[str, Any] = {}
    cache: dict[str, Any] = {}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        problems = tuple(
            (path, _undefined(name, defined))
            for path, name, defined in _references(self)
            if name not in defined
        )
        if problems:
            raise IncoherentError(problems)
        return self

    def tenant(self, name: str) -> Tenant | None:
        """The tenant's own section, else that of `*`; None when strangers aren't served."""
        return self.tenants.get(name) or self.tenants.get("*")

    def deployments_of(self, tier: str) -> Iterator[tuple[str, Deployment]]:
        """(name, deployment) of a tier, in its order of preference."""
        return ((name, self.deployments[name]) for name in self.tiers[tier].deployments)


ConfigPath: TypeAlias = tuple[str, ...]
"""The keys that lead to a place in the file."""


class IncoherentError(ValueError):
    """Names are used that nothing defines. problems: (where, what is wrong and what would do)."""

    def __init__(self, problems: tuple[tuple[ConfigPath, str], ...]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)}: {words}" for path, words in problems))
        self.problems = problems


_Reference: TypeAlias = tuple[ConfigPath, str, Collection[str]]


def _references(catalog: Catalog) -> Iterator[_Reference]:
    """(where, the name used there, the names defined) of every reference in the file."""
    deployments = catalog.deployments
    yield ("default_baseline",), catalog.default_baseline, deployments
    for name, deployment in deployments.items():
        yield ("deployments", name, "model"), deployment.model, catalog.models
    for name, tier in catalog.tiers.items():
        for number, used in enumerate(tier.deployments):
            yield ("tiers", name, "deployments", str(number)), used, deployments
        if tier.next is not None:
            yield ("tiers", name, "next"), tier.next, catalog.tiers
    for name, tenant in catalog.tenants.items():
        if tenant.baseline is not None:
            yield ("tenants", name, "baseline"), tenant.baseline, deployments


def _undefined(name: str, defined: Collection[str]) -> str:
    nearest = get_close_matches(name, defined, n=1)
    fix = f"did you mean {nearest[0]!r}?" if nearest else f"defined are: {', '.join(defined)}"
    return f"{name!r} is not defined; {fix}"
