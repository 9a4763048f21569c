"""What does the ledger learn of a request?"""

from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from .attempt import Attempt, Usage
from .message import NAME_PATTERN, Message, MicroUsd, Name
from .reply import CacheOutcome, FailureCode, Timings

Purpose: TypeAlias = Literal["cache", "judge"]
"""What a call was for that no caller asked for."""

_LONGEST_ID: Final = 220
"""A request's longest id, and a purpose after it."""


class Savings(Message):
    """Micro-dollars saved, by cause; together they are the baseline less the cost.

    routing: a cheaper model than the baseline; cloud: a cheaper place for that model; prompt_cache:
    the provider's discount on cached input; batch: its discount on batch and flex processing, or
    below 0 its surcharge for priority; cache: not called at all; retries: what failed attempts
    cost; judge: what second opinions cost (both never above 0).
    A negative part cost more.
    """

    routing: MicroUsd = Decimal(0)
    cloud: MicroUsd = Decimal(0)
    prompt_cache: MicroUsd = Decimal(0)
    batch: MicroUsd = Decimal(0)
    cache: MicroUsd = Decimal(0)
    retries: MicroUsd = Decimal(0)
    judge: MicroUsd = Decimal(0)


class Judgement(Message):
    """What a judge said of an answer. model: the one that had given it.

    supported: whether the answer's context supports all that it claims.
    """

    model: Name
    supported: bool


class UsageEvent(Message):
    """One request's account, for the ledger: idempotent by `id`. Holds no prompt and no answer.

    prompt_hash and prefix_hash (tenant-scoped) let waste be found without the text.
    unsupported_share: of the answer's numbers, names and quotes, those that its context lacks.
    context_tokens: of that context, without instructions; context_used_share: of them, what left a
    trace in the answer.

    price_version: of the price list that the attempts' costs are from, e.g. `own:2026-11-24`; the
    versions in order, with a comma between, when there were several; None when nothing was billed.

    redelivered: the request had been begun before by a worker that neither recorded an ending nor
    handed it over: it died, or lost its claim. What that worker spent isn't in this account, so the
    providers' bill may be higher. Not set when a finished request comes again (its first account
    stands, and is what is published again), when it was handed over or delayed, nor where nobody
    knows, because Redis was away or the cache answered before a claim was needed.

    aside: set when this is the account of a call that no caller asked for, to check or renew what
    the cache served or to judge an answer. Its cost counts, but it is no request and no answer.
    Its tier to model are those of that call; tenant, task and tags of the request behind it.
    """

    id: Annotated[str, Field(min_length=1, max_length=_LONGEST_ID, pattern=NAME_PATTERN)]
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
    aside: Purpose | None = None
    judged: Judgement | None = None
    redelivered: bool = False
    trace_id: str | None = None
