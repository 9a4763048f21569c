"""Configuration catalogue: the models, deployments, tiers and tenants of `switchgear.yaml`.

Secrets and addresses of the infrastructure are never in the file: a deployment names the
environment variables that hold them.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from observability.evaluation.data_sets.evaluation_case import EvaluationConsent
from observability.pricing.own_price import PriceOverride
from producers.contract import Objective
from runtime.config.references import UndefinedName, undefined_names
from runtime.config.sections.batch import BatchOffer, BatchSettings
from runtime.config.sections.cache import CacheSettings
from runtime.config.sections.contract import ContractSettings
from runtime.config.sections.gateway import GatewaySettings
from runtime.config.sections.identity import IdentitySettings
from runtime.config.sections.policy import PolicySettings
from runtime.config.sections.prompts import SystemPrompt
from runtime.config.sections.section import EnvName, HttpAddress, Section
from runtime.config.sections.speed import SpeedSettings
from runtime.config.tier_order import TierOrderMistake, tier_order_mistakes
from runtime.known.tables import QualityClass

Capability: TypeAlias = Literal[
    "tools", "images", "json_schema", "logprobs", "reasoning", "embeddings"
]
DialectName: TypeAlias = (
    Literal["openai", "anthropic", "bedrock"] | Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
)
"""A wire format: one of ours, or the place of the operator's own, `package.module:Class`."""
TierName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A part of a topic's name; without a dot, which separates tier and zone there."""
ZoneName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
BaseUrl: TypeAlias = HttpAddress
EntryPoint: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
STRANGERS: Final = "*"
"""The section of all tenants that have none of their own. No tenant can be called so."""
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class PromptAdaptation(Section):
    """What a model family needs around the caller's system prompt to keep the output contract."""

    system_prefix: str = ""
    system_suffix: str = ""
    system_template: Annotated[str, Field(pattern=r"\{system\}")] = "{system}"
    """A text around `{system}`, for a family that wants the prompt in a frame."""


class MeasuredQuality(Section):
    """What an evaluation found of a model at a task."""

    success: Share
    """Share of good answers; `switchgear evaluate promote` writes the interval's lower end."""
    cases: Annotated[int, Field(ge=1)] | None = None
    """Answers that it rests on."""
    evaluation: str | None = None
    """The name of the evaluation."""


def _share_alone(value: object) -> object:
    """A number in place of the section."""
    return {"success": value} if isinstance(value, int | float) else value


_Quality: TypeAlias = Annotated[
    MeasuredQuality, BeforeValidator(_share_alone, json_schema_input_type=Share | MeasuredQuality)
]


class Model(Section):
    """A model wherever it runs."""

    family: str
    context_window: Annotated[int, Field(ge=1)]
    """Tokens of prompt and answer together."""
    max_output: Annotated[int, Field(ge=1)] = 4096
    """Tokens of an answer."""
    capabilities: frozenset[Capability] = frozenset()
    """A model with `embeddings` serves nothing else."""
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Of an embeddings model's vectors; None: taken for large ones, so that requests are small."""
    quality_class: QualityClass | None = None
    """Its public standing, which it is worth at most until it is measured; None: nobody knows, and
    its tier's place among the tiers stands for it."""
    quality: dict[str, _Quality] = Field(default_factory=dict)
    """What was measured of its answers, by task; a number is the share of good ones."""
    prompt: PromptAdaptation = PromptAdaptation()


class Deployment(Section):
    """A model at one provider, account and region."""

    model: str
    provider: str
    """A preset that fills what the line doesn't say (`switchgear models providers` lists them), or
    the price book's provider: openai, anthropic, mistral, aws, azure, google, self."""
    dialect: DialectName = "openai"
    wire_model: str | None = None
    """The model's name on the wire, when it isn't the model's own."""
    base_url: BaseUrl | None = None
    """May be left out where `base_url_env` names the variable that holds it."""
    base_url_env: EnvName | None = None
    api_key_env: EnvName | None = None
    credentials: Literal["key", "entra", "google"] = "key"
    """How the worker proves who it is: by an API key (at Bedrock without one, AWS's chain), or by
    the machine's identity at Microsoft Entra ID or Google Cloud."""
    api_version: str | None = None
    account: str = "default"
    region: str = "global"
    zone: ZoneName
    """Where the data stays: `eu`, `us` …"""
    self_hosted: bool = False
    on_request: bool = False
    """Only for callers who name the model; the router never chooses it by itself."""
    rpm: Annotated[int, Field(ge=1)] | None = None
    """Requests per minute that the account is granted."""
    tpm: Annotated[int, Field(ge=1)] | None = None
    """Tokens per minute that the account is granted."""
    price: PriceOverride | None = None
    speed: SpeedSettings = SpeedSettings()
    """What to expect of its speed until workers have measured it."""
    batch: BatchOffer | None = None
    """Its provider's batch interface, for requests that may wait; None: it isn't used."""

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.base_url is None and self.base_url_env is None:
            raise ValueError(
                "neither base_url nor base_url_env; add one, or name a provider that is known "
                "(`switchgear models providers`)"
            )
        return self


class Tier(Section):
    """A pool of workers."""

    deployments: Annotated[tuple[str, ...], Field(min_length=1)]
    order: Literal["listed", "cheapest"] = "listed"
    """As listed, or the cheapest that fits first."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Calls under way at once in one worker process."""
    tenant_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of `concurrency`, what one tenant may hold while others wait. Alone it may hold all but a
    twentieth, at least one, where there are others in the file."""
    timeout_s: Annotated[float, Field(gt=0)] = 60
    first_token_timeout_s: Annotated[float, Field(gt=0)] = 30
    next: str | None = None
    """The tier that takes over what this one can't do."""


class TagBudget(Section):
    """USD that the requests with one tag may cost in a day and a month (UTC)."""

    usd_day: Annotated[Decimal, Field(gt=0)] | None = None
    usd_month: Annotated[Decimal, Field(gt=0)] | None = None


class TenantLimits(Section):
    """How much a tenant may send; of `*`, all tenants without a section together."""

    requests_s: Annotated[float, Field(gt=0)] | None = None
    """Requests per second, of each router process."""
    bytes_s: Annotated[int, Field(ge=1)] | None = None
    """Bytes of requests per second, of each router process."""
    tokens_min: Annotated[int, Field(ge=1)] | None = None
    """Tokens per minute, of prompts and answers as estimated, of each router process."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Requests under way at once, in each tier of each worker process."""


class Tenant(Section):
    """What one tenant may do."""

    reply_topics: tuple[str, ...] = ("llm.replies", "llm.replies.*")
    """Where it may be answered, as names or patterns. A narrower list must name `llm.replies` and
    `llm.replies.stored` for a tenant of the gateway, `llm.replies.jobs` for one with jobs."""
    residency: tuple[str, ...] = ()
    """The zones that may see the tenant's data; empty: all."""
    self_hosted_only: bool = False
    batches: bool = True
    """Whether requests that may wait may lie in a provider's batch store, for up to 30 days."""
    min_quality: Share | None = None
    objective: Objective | None = None
    """What decides among what is good enough, where neither request nor task says it."""
    budget_usd_day: Annotated[Decimal, Field(gt=0)] | None = None
    budget_usd_month: Annotated[Decimal, Field(gt=0)] | None = None
    budget_soft_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Over this share of a budget a request goes down a tier and carries a warning."""
    tag_budgets: dict[Annotated[str, Field(pattern=r"^[\w.:/@-]+=.+$")], TagBudget] = Field(
        default_factory=dict
    )
    """By `name=value`, or `name=*` for each value of its own."""
    limits: TenantLimits = TenantLimits()
    """What is beyond them is refused (`rate_limited`), or waits (`concurrency`)."""
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Share of a busy queue, relative to the other tenants."""
    evaluation: EvaluationConsent = "no"
    """Whether recorded requests may be asked again of models that are compared: within the zones
    that may see them, and, if so, of the operator's own deployments alone."""
    judge_share: Share = 0
    """Of the answers with a context, those that a model of the cheapest tier judges."""
    baseline: str | None = None
    """The deployment that the tenant's bill is compared with."""

    @property
    def has_budget(self) -> bool:
        """Whether any request of the tenant may draw from a budget."""
        own = self.budget_usd_day is not None or self.budget_usd_month is not None
        return own or bool(self.tag_budgets)


class Catalog(Section):
    """The whole file, coherent: every name is defined, no chain of tiers leads back."""

    models: dict[str, Model]
    deployments: dict[str, Deployment]
    tiers: Annotated[dict[TierName, Tier], Field(min_length=1)]
    """The cheapest first."""
    tenants: dict[str, Tenant] = Field(default_factory=lambda: {"*": Tenant()})
    """`*`: everybody who has no section of their own."""
    default_baseline: str
    """The deployment that savings are compared with where the tenant names none."""
    prompts: dict[str, SystemPrompt] = Field(default_factory=dict)
    """System prompts that have a variant for each family of models."""
    checks: dict[str, EntryPoint] = Field(default_factory=dict)
    """The operator's own validators, `name: package.module:function`."""
    policy: PolicySettings = PolicySettings()
    cache: CacheSettings = CacheSettings()
    batches: BatchSettings = BatchSettings()
    gateway: GatewaySettings = GatewaySettings()
    identity: IdentitySettings = IdentitySettings()
    contract: ContractSettings = ContractSettings()

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        document = self.model_dump()
        mistakes: tuple[UndefinedName | TierOrderMistake, ...] = (
            *undefined_names(document),
            *tier_order_mistakes(document),
        )
        if mistakes:
            raise IncoherentCatalogError(mistakes)
        return self

    def tenant(self, name: str) -> Tenant | None:
        """The tenant's own section, else that of `*`; None when strangers aren't served."""
        return self.tenants.get(name) or self.tenants.get(STRANGERS)

    def account_of(self, name: str) -> str:
        """Whose budgets, limits and turn it uses: its own, else those that all strangers share."""
        return name if name in self.tenants else STRANGERS

    def deployments_of(self, tier: str) -> Iterator[tuple[str, Deployment]]:
        """(name, deployment) of a tier, in its order of preference."""
        return ((name, self.deployments[name]) for name in self.tiers[tier].deployments)


class IncoherentCatalogError(ValueError):
    """Names are used that nothing defines, or tiers stand in an order that can't be."""

    def __init__(self, mistakes: tuple[UndefinedName | TierOrderMistake, ...]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes
