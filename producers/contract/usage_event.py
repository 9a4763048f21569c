"""Usage event: one request's account for the ledger."""

from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import FailFast, Field

from .attempt import Attempt, Usage
from .message import NAME_PATTERN, Message, MicroUsd, Name
from .reply import CacheOutcome, FailureCode, Timings
from .route import RolloutArm

Purpose: TypeAlias = Literal["cache", "judge", "batch", "rollout"]
"""What a call was for that no caller asked for; `batch`: it was answered before its batch was;
`rollout`: no call at all, but a decision about a rollout, told in `summary`."""

_LONGEST_ID: Final = 220
"""A request's longest id, and a purpose after it."""


class Savings(Message):
    """Micro-dollars saved, by cause; together they are the baseline less the cost.

    A negative part cost more.
    """

    routing: MicroUsd = Decimal(0)
    """By a cheaper model than the baseline."""

    cloud: MicroUsd = Decimal(0)
    """By a cheaper place for that model."""

    prompt_cache: MicroUsd = Decimal(0)
    """The provider's discount on cached input."""

    batch: MicroUsd = Decimal(0)
    """The discount on batch and flex processing; below 0 the surcharge for priority."""

    cache: MicroUsd = Decimal(0)
    """By not calling a model at all."""

    retries: MicroUsd = Decimal(0)
    """What failed attempts cost; never above 0."""

    hedges: MicroUsd = Decimal(0)
    """What calls cost that another one overtook; never above 0."""

    judge: MicroUsd = Decimal(0)
    """What second opinions cost; never above 0."""


class Judgement(Message):
    """What a judge said of an answer."""

    model: Name
    """The model that had given the answer."""

    supported: bool
    """Whether the answer's context supports all that it claims."""


class UsageEvent(Message):
    """One request's account, for the ledger: idempotent by `id`. Holds no prompt and no answer."""

    id: Annotated[str, Field(min_length=1, max_length=_LONGEST_ID, pattern=NAME_PATTERN)]
    """The request's id; of a call that no caller asked for, with its purpose after it."""

    tenant: Name
    """Who pays."""

    at_ms: int
    """When the request ended, in Unix milliseconds."""

    outcome: Literal["done"] | FailureCode
    """`done`, or the code of the failure."""

    tier: Name
    """The tier that ended the request."""

    zone: Name | None = None
    """The zone of the deployment that answered."""

    deployment: Name | None = None
    """The deployment that answered; null for a hit of the cache and for a failure."""

    provider: Name | None = None
    """The provider of that deployment."""

    model: Name | None = None
    """The model that answered."""

    task: Name | None = None
    """The declared task, else the recognised one."""

    tags: dict[str, str] = Field(default_factory=dict)
    """The request's labels."""

    latency: Literal["interactive", "batch"] = "interactive"
    """As the request asked."""

    stream: bool = False
    """Whether the answer was streamed."""

    usage: Usage = Usage()
    """The tokens of all attempts together."""

    cost_micro_usd: MicroUsd | None = None
    """What all attempts cost; null when no price is known."""

    baseline_micro_usd: MicroUsd | None = None
    """What the tenant's baseline deployment would have cost for the same tokens."""

    savings: Savings | None = None
    """The baseline less the cost, by cause."""

    price_version: str | None = None
    """Of the price list that the attempts' costs are from, e.g. `own:2026-11-24`; the versions in
    order, with a comma between, when there were several; null when nothing was billed."""

    residency: tuple[Name, ...] | None = None
    """The zones that might see it, by the request and its tenant; null: any."""

    cache: CacheOutcome = CacheOutcome(result="bypass")
    """What the semantic cache did."""

    attempts: Annotated[tuple[Attempt, ...], FailFast()] = ()
    """Every provider call for this request, in order."""

    summary: str | None = None
    """What the request cost and why, in one sentence for a person."""

    timings: Timings = Timings()
    """How long the parts of the way took."""

    finish_reason: str | None = None
    """OpenAI's `finish_reason` of the answer."""

    max_tokens: int | None = None
    """Tokens that the caller allowed the answer."""

    prompt_hash: str | None = None
    """Of the whole prompt, within the tenant: waste is found without the text."""

    prefix_hash: str | None = None
    """Of the part of the prompt that repeats, within the tenant."""

    prefix_tokens: int | None = None
    """Tokens of that part."""

    unsupported_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the answer's numbers, names and quotes, those that its context lacks."""

    context_tokens: int | None = None
    """Tokens of that context, without instructions."""

    context_used_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the context's tokens, those that left a trace in the answer."""

    rollout: RolloutArm | None = None
    """The rollout whose share the request was drawn for; null: none."""

    aside: Purpose | None = None
    """Set when this is the account of a call that no caller asked for, to check or renew what the
    cache served or to judge an answer. Its cost counts, but it is no request and no answer. Its
    tier to model are those of that call; tenant, task and tags of the request behind it."""

    judged: Judgement | None = None
    """What a judge said of an answer, in the account of the judge's call."""

    redelivered: bool = False
    """The request had been begun before by a worker that neither recorded an ending nor handed it
    over: it died, or lost its claim. What that worker spent isn't in this account, so the
    providers' bill may be higher. Not set when a finished request comes again (its first account
    stands, and is what is published again), when it was handed over or delayed, nor where nobody
    knows, because Redis was away or the cache answered before a claim was needed."""

    trace_id: str | None = None
    """The W3C trace id of the request, 32 hexadecimal digits."""
