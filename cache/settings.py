"""What does the `cache` section of `switchgear.yaml` say, for a given tenant and tier?"""

from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from runtime.redis.key_names import named

CacheStep: TypeAlias = Literal["exact", "canonical", "semantic"]
CacheShare: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CachePolicy(_Section):
    """How the cache treats the requests of one tenant and tier.

    steps: which may answer; empty switches the cache off. `canonical` and `semantic` need `exact`.
    target_false_hits: of the near questions that need another answer, the share that may be
        answered from the cache all the same. Calibration turns it into an operating point.
    max_wrong_hits: of the semantic hits, the greatest share that may be wrong; shadow sampling
        measures it, and tightens or switches off the semantic step where it is exceeded.
    ttl_s, ttl_jitter: life of an entry, shortened at random by up to this share.
    stale_s: for so long after that, one caller refreshes the entry while the others still get it.
    shadow_share: of the semantic hits, the share that also calls the model, to measure the promise.
    quota_mb: what one tenant's entries may take in Redis; the least valuable go first.
    wait_s: the longest that a request waits for another worker's answer to the same question.
    """

    steps: frozenset[CacheStep] = frozenset({"exact", "canonical", "semantic"})
    target_false_hits: Annotated[float, Field(gt=0, le=0.2)] = 0.01
    ttl_s: Seconds = 86_400
    max_wrong_hits: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    ttl_jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    stale_s: Annotated[float, Field(ge=0)] = 0
    shadow_share: CacheShare = 0.02
    single_flight: bool = True
    wait_s: Seconds = 30
    quota_mb: Annotated[float, Field(gt=0)] = 256
    allow_sampling: bool = False
    allow_time_bound: bool = False
    allow_personal: bool = False
    max_question_chars: Annotated[int, Field(ge=1)] = 8_000
    max_semantic_chars: Annotated[int, Field(ge=1)] = 600
    max_answer_bytes: Annotated[int, Field(ge=1)] = 200_000
    min_cost_micro_usd: Annotated[Decimal, Field(ge=0)] = Decimal(0)

    @model_validator(mode="after")
    def _exact_comes_first(self) -> Self:
        if self.steps and "exact" not in self.steps:
            raise ValueError("steps: `canonical` and `semantic` need `exact`")
        return self


class EmbedderSettings(_Section):
    """local: MiniLM in this process, from `directory`; openai: any such endpoint, as `model`.

    base_url_env, api_key_env: environment variables that hold the endpoint's address and key.
    """

    kind: Literal["local", "openai", "none"] = "local"
    directory: str = "var/embedder"
    threads: Annotated[int, Field(ge=1, le=16)] = 2
    model: str = "text-embedding-3-small"
    base_url_env: str = "OPENAI_BASE_URL"
    api_key_env: str = "OPENAI_API_KEY"


class CacheSettings(_Section):
    """The whole section. tiers, tenants: what differs there; a tenant's word beats a tier's.

    knowledge_version: raise it when the facts behind the answers change; old entries are not found.
    budget_ms: how long Redis and the embedder together may hold up a request before it goes on.
    lease_s: a leader that stops renewing is replaced after so long.
    index: where near questions are searched; `auto` takes Redis vector sets when the server has
        them, else an index in this process.
    verifier, operating_points: files of your own training and calibration in place of ours.
    """

    defaults: CachePolicy = CachePolicy()
    tiers: dict[str, dict[str, object]] = {}
    tenants: dict[str, dict[str, object]] = {}
    knowledge_version: str = ""
    key_prefix: Annotated[str, Field(pattern=r"^[\w:.-]+$")] = named("cache")
    budget_ms: Annotated[float, Field(gt=0)] = 15
    lease_s: Seconds = 5
    index: Literal["auto", "redis", "process"] = "auto"
    embedder: EmbedderSettings = EmbedderSettings()
    verifier: str | None = None
    operating_points: str | None = None

    @model_validator(mode="after")
    def _changes_are_policies(self) -> Self:
        for changes in (*self.tiers.values(), *self.tenants.values()):
            CachePolicy.model_validate(changes)
        return self

    def policy(self, tenant: str, tier: str) -> CachePolicy:
        """The defaults, changed by the tier's section, changed by the tenant's."""
        changes = {**self.tiers.get(tier, {}), **self.tenants.get(tenant, {})}
        return CachePolicy.model_validate(self.defaults.model_dump() | changes)
