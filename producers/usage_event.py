"""What does the ledger learn of a request?"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from .attempt import Attempt, Usage
from .reply import CacheOutcome, FailureCode, Timings
from .wire import Message, MicroUsd, Name


class Savings(Message):
    """Micro-dollars saved, by cause; together they are the baseline less the cost.

    routing: a cheaper model than the baseline; cloud: a cheaper place for that model; prompt_cache:
    the provider's discount on cached input; batch: its discount on batches; cache: not called at
    all; retries: what failed attempts cost (never above 0). A negative part cost more.
    """

    routing: MicroUsd = Decimal(0)
    cloud: MicroUsd = Decimal(0)
    prompt_cache: MicroUsd = Decimal(0)
    batch: MicroUsd = Decimal(0)
    cache: MicroUsd = Decimal(0)
    retries: MicroUsd = Decimal(0)


class UsageEvent(Message):
    """One request's account, for the ledger: idempotent by `id`. Holds no prompt and no answer.

    prompt_hash and prefix_hash (tenant-scoped) let waste be found without the text.
    unsupported_share: of the answer's numbers, names and quotes, those that its context lacks.
    context_tokens: of that context; context_used_share: of them, what left a trace in the answer.
    """

    id: Name
    tenant: Name
    at_ms: int
    outcome: Literal["done"] | FailureCode
    tier: Name
    zone: Name | None = None
    deployment: Name | None = None
    provider: Name | None = None
    model: Name | None = None
    task: Name | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    latency: Literal["interactive", "batch"] = "interactive"
    stream: bool = False
    usage: Usage = Usage()
    cost_micro_usd: MicroUsd | None = None
    baseline_micro_usd: MicroUsd | None = None
    savings: Savings | None = None
    price_version: str | None = None
    cache: CacheOutcome = CacheOutcome(result="bypass")
    attempts: tuple[Attempt, ...] = ()
    timings: Timings = Timings()
    finish_reason: str | None = None
    max_tokens: int | None = None
    prompt_hash: str | None = None
    prefix_hash: str | None = None
    prefix_tokens: int | None = None
    unsupported_share: Annotated[float, Field(ge=0, le=1)] | None = None
    context_tokens: int | None = None
    context_used_share: Annotated[float, Field(ge=0, le=1)] | None = None
    redelivered: bool = False
    trace_id: str | None = None
