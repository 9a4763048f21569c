"""Cache section: which steps may answer, for how long, at which rate of false hits."""

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from runtime.config.sections.section import EnvName, Section
from runtime.redis.key_names import named

CacheStep: TypeAlias = Literal["exact", "canonical", "semantic"]
CacheShare: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class CachePolicy(Section):
    """How the cache treats the requests of one tenant and tier."""

    steps: frozenset[CacheStep] = frozenset({"exact", "canonical", "semantic"})
    """Which may answer; empty switches the cache off. `canonical` and `semantic` need `exact`."""
    target_false_hits: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    """Of the near questions that need another answer, the share that may be answered from the
    cache all the same. Calibration turns it into an operating point."""
    ttl_s: Seconds = 86_400
    """Life of an entry."""
    max_wrong_hits: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Of the hits of each step, the greatest share that may be wrong; shadow sampling measures it,
    and tightens or closes a step, in one language, where it is exceeded."""
    ttl_jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """The life is shortened at random by up to this share."""
    stale_s: Annotated[float, Field(ge=0)] = 0
    """For so long after that, one caller refreshes the entry while the others still get it."""
    shadow_share: CacheShare = 0.02
    """Of the hits of each step, the share that also calls the model, to measure the promise; an
    eighth of it where the promise is proven."""
    single_flight: bool = True
    wait_s: Seconds = 30
    """The longest that a request waits for another worker's answer to the same question."""
    quota_mb: Annotated[float, Field(gt=0)] = 256
    """What one tenant's entries may take in Redis; the least valuable go first."""
    allow_sampling: bool = False
    allow_time_bound: bool = False
    """Also keeps answers about the moment; give them a short `ttl_s`."""
    allow_personal: bool = False
    """Also keeps answers about the person who asks; only where one tenant is one person."""
    declared_only: bool = False
    """Keeps only answers to requests that declare `cache.about`; nothing is guessed."""
    unsure_ttl_s: Seconds = 300
    """Life of an entry whose question may be about the moment or a person; it serves the very same
    words only."""
    max_question_chars: Annotated[int, Field(ge=1)] = 8_000
    max_semantic_chars: Annotated[int, Field(ge=1)] = 600
    max_answer_bytes: Annotated[int, Field(ge=1)] = 200_000
    min_cost_micro_usd: Annotated[Decimal, Field(ge=0)] = Decimal(0)

    @model_validator(mode="after")
    def _exact_comes_first(self) -> Self:
        if self.steps and "exact" not in self.steps:
            raise ValueError("steps: `canonical` and `semantic` need `exact`; add it")
        return self


class EmbedderSettings(Section):
    """Where a question becomes a vector."""

    kind: Literal["local", "openai", "none"] = "local"
    """local: MiniLM in this process, from `directory`; openai: any such endpoint, as `model`."""
    directory: str = "var/embedder"
    threads: Annotated[int, Field(ge=1, le=16)] = 2
    model: str = "text-embedding-3-small"
    base_url_env: EnvName = "OPENAI_BASE_URL"
    """Environment variable that holds the endpoint's address."""
    api_key_env: EnvName = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key."""


class SecondLookSettings(Section):
    """Who judges the questions that the recogniser is unsure about."""

    kind: Literal["local", "none"] = "local"
    """local: multilingual-e5-small in this process, from `directory`, loaded when it is first
    needed; where that folder isn't, the recogniser decides alone, and the log says so."""
    directory: str = "var/multilingual"
    wait_ms: Annotated[float, Field(gt=0)] = 100
    """How long a verdict may hold up those who ask, from the first of them; until a later one is
    there the question counts as in doubt."""


class PairEncoderSettings(Section):
    """Who judges the pairs of questions that the verifier leaves in doubt."""

    kind: Literal["local", "none"] = "local"
    """local: multilingual-e5-small reads both together in this process, from `directory`, loaded
    when it is first needed; where it isn't, the verifier decides alone, and the log says so."""
    directory: str = "var/multilingual"
    wait_ms: Annotated[float, Field(gt=0)] = 100
    """How long it may hold up a request, beyond `budget_ms`; a later verdict is a miss."""


class CacheSettings(Section):
    """The whole section."""

    defaults: CachePolicy = CachePolicy()
    tiers: dict[str, CachePolicy] = Field(default_factory=dict)
    """What differs there; only the keys that are written count."""
    tenants: dict[str, CachePolicy] = Field(default_factory=dict)
    """The same by tenant, whose word beats a tier's."""
    tasks: dict[str, CachePolicy] = Field(default_factory=dict)
    """The same by `routing.task`, whose word beats a tenant's: what is known of a kind of work."""
    knowledge_version: str = ""
    """Raise it when the facts behind the answers change; old entries are not found."""
    key_prefix: Annotated[str, Field(pattern=r"^[\w:.-]+$")] = named("cache")
    budget_ms: Annotated[float, Field(gt=0)] = 15
    """How long Redis and the embedder together may hold up a request before it goes on."""
    lease_s: Seconds = 5
    """A leader that stops renewing is replaced after so long."""
    index: Literal["auto", "redis", "process"] = "auto"
    """Where near questions are searched; `auto` takes Redis vector sets when the server has them,
    else an index in this process."""
    embedder: EmbedderSettings = EmbedderSettings()
    second_look: SecondLookSettings = SecondLookSettings()
    pair_encoder: PairEncoderSettings = PairEncoderSettings()
    recogniser: str | None = None
    """File of your own training in place of ours."""
    verifier: str | None = None
    """File of your own training in place of ours."""
    operating_points: str | None = None
    """File of your own calibration in place of ours."""

    def policy(self, tenant: str, tier: str, task: str | None = None) -> CachePolicy:
        """The defaults, changed by the tier's section, by the tenant's, then by the task's."""
        policy = self.defaults
        sections = self.tiers.get(tier), self.tenants.get(tenant), self.tasks.get(task or "")
        for changes in sections:
            if changes is not None:
                written = {name: getattr(changes, name) for name in changes.model_fields_set}
                policy = policy.model_copy(update=written)
        return policy
