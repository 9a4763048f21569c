"""What do a request, a reply and a usage event say?

Every value is one JSON object. A reader ignores fields it doesn't know, so a newer writer never
breaks an older reader. Times are Unix milliseconds, durations are milliseconds, money is Decimal
micro-dollars (a string in JSON: floats would lose cents over a million requests).
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

MicroUsd: TypeAlias = Decimal
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w.:/@-]+$")]


class Message(BaseModel):
    """What every part of the contract shares: immutable, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# ---------------------------------------------------------------------------------- the request


@with_config(ConfigDict(extra="allow"))
class ChatMessage(TypedDict):
    """One message of an OpenAI chat; fields not named here pass through untouched."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: NotRequired[str | list[dict[str, Any]] | None]
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]


class ChatBody(BaseModel):
    """The OpenAI Chat Completions request; `model` names a tier, a model, or `auto`.

    Parameters not named here pass through: the provider's dialect decides what it can take.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    model: str = "auto"
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool = False
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None


class CacheControl(Message):
    """How the semantic cache may serve this request; a caller may raise the bar, never lower it."""

    mode: Literal["default", "no-cache", "no-store", "only-if-cached"] = "default"
    ttl_s: Annotated[int, Field(ge=1)] | None = None
    scope: Name | None = None
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    tags: tuple[Name, ...] = ()


class JsonSchemaCheck(Message):
    """The answer parses as JSON and satisfies `schema`."""

    kind: Literal["json_schema"]
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]


class RegexCheck(Message):
    """The whole answer matches `pattern`."""

    kind: Literal["regex"]
    pattern: Annotated[str, Field(max_length=2_000)]


class ContainsCheck(Message):
    """The answer contains every one of `texts`."""

    kind: Literal["contains"]
    texts: tuple[str, ...]


class MaxLengthCheck(Message):
    """The answer has at most `characters` characters."""

    kind: Literal["max_length"]
    characters: Annotated[int, Field(ge=1)]


class LanguageCheck(Message):
    """The answer is written in `language` (ISO 639-1)."""

    kind: Literal["language"]
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class NamedCheck(Message):
    """The answer passes the Python function that the operator's configuration calls `name`."""

    kind: Literal["named"]
    name: Name


Validator: TypeAlias = Annotated[
    JsonSchemaCheck | RegexCheck | ContainsCheck | MaxLengthCheck | LanguageCheck | NamedCheck,
    Field(discriminator="kind"),
]


class Routing(Message):
    """What the caller demands or knows; everything is optional.

    deadline_ms: time from submission within which an answer is still of use, at most a year.
    residency: zones that may see the data, e.g. `["eu"]`; empty = any.
    conversation: requests of one conversation share a partition; `ordered` answers them in order.
    """

    tier: Name | None = None
    min_quality: Annotated[float, Field(ge=0, le=1)] | None = None
    max_cost_usd: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = None
    deadline_ms: Annotated[int, Field(ge=1, le=31_536_000_000)] | None = None
    latency: Literal["interactive", "batch"] = "interactive"
    residency: tuple[Name, ...] = ()
    self_hosted_only: bool = False
    task: Name | None = None
    cache: CacheControl = CacheControl()
    validators: tuple[Validator, ...] = ()
    tags: Annotated[dict[Name, str], Field(max_length=20)] = {}
    conversation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    ordered: bool = False


class Request(Message):
    """One LLM request, as a backend service publishes it."""

    id: Name
    tenant: Name
    body: ChatBody
    routing: Routing = Routing()


class Candidate(Message):
    """What the router knew of one tier when it chose; `rejected`: the constraint against it.

    assumed: the success it would have assumed had outcomes not taught it `success`.
    """

    tier: Name
    success: float | None = None
    cost_micro_usd: MicroUsd | None = None
    rejected: str | None = None
    assumed: float | None = None


class Demands(Message):
    """What a deployment must meet to see this request. zones: None = anywhere, empty = nowhere.

    prompt_tokens and output_tokens are the router's estimates; max_output what the caller asks.
    """

    zones: tuple[Name, ...] | None = None
    self_hosted_only: bool = False
    needs: tuple[str, ...] = ()
    prompt_tokens: int = 0
    output_tokens: int = 0
    max_output: int | None = None
    model: Name | None = None


class Route(Message):
    """The router's decision: the tier, what binds the worker, and why, in words for a person."""

    tier: Name
    zone: Name | None = None
    model: Name | None = None
    demands: Demands = Demands()
    task: Name | None = None
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    cascade: bool = False


# ------------------------------------------------------------------------------------ the reply


class Usage(Message):
    """Tokens as billed, normalised: the counts don't overlap, except reasoning, inside output."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input_total(self) -> int:
        """All tokens of the prompt, however billed."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h


class Attempt(Message):
    """One call of a provider: `outcome` is `ok` or the error's kind; `wait_ms` its retry hint."""

    deployment: Name
    outcome: str
    status: int | None = None
    started_ms: float = 0
    duration_ms: float = 0
    wait_ms: int | None = None
    usage: Usage | None = None
    cost_micro_usd: MicroUsd | None = None


class Tagged(Message):
    """A request with its route, and the attempts of those who handed it over: a tier's record."""

    route: Route
    request: Request
    attempts: tuple[Attempt, ...] = ()


class CacheOutcome(Message):
    """What the cache did; a hit says which step found it, how sure, how old, what it saved."""

    result: Literal["hit", "miss", "bypass", "error"]
    step: Literal["exact", "canonical", "semantic"] | None = None
    score: float | None = None
    age_s: float | None = None
    entry: str | None = None
    saved_micro_usd: MicroUsd | None = None
    reason: str | None = None


class RouteTaken(Message):
    """Where the answer came from, with every attempt on the way."""

    tier: Name
    zone: Name | None = None
    deployment: Name | None = None
    provider: Name | None = None
    model: Name | None = None
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()


class Timings(Message):
    """Milliseconds: waiting in Kafka, until the first token, and from submission to the reply."""

    queued_ms: float = 0
    first_token_ms: float | None = None
    total_ms: float = 0


class Chunk(Message):
    """A piece of a streamed answer; `delta` is an OpenAI chunk's delta. `seq` counts from 0.

    run: rises when another worker takes the request over after a crash, or the next deployment
    after a cut stream: what came with a lower run is void.
    """

    type: Literal["chunk"] = "chunk"
    id: Name
    run: int = 0
    seq: int
    delta: dict[str, Any]


class Done(Message):
    """The answer: an OpenAI `chat.completion`, the way it took, and what it cost.

    cost_micro_usd is None when no price is known ("unpriced", never 0); baseline_micro_usd is what
    the tenant's baseline model would have cost for the same tokens.
    """

    type: Literal["done"] = "done"
    id: Name
    body: dict[str, Any]
    route: RouteTaken
    cache: CacheOutcome
    usage: Usage
    cost_micro_usd: MicroUsd | None = None
    baseline_micro_usd: MicroUsd | None = None
    timings: Timings
    trace_id: str | None = None
    warnings: tuple[str, ...] = ()


FailureCode: TypeAlias = Literal[
    "invalid_request",
    "request_too_large",
    "unknown_tier",
    "unknown_model",
    "unknown_tenant",
    "reply_to_not_allowed",
    "no_deployment_fits",
    "bad_credentials",
    "context_too_long",
    "content_filtered",
    "provider_rejected",
    "providers_exhausted",
    "deadline_exceeded",
    "cancelled",
    "budget_exceeded",
    "not_in_cache",
    "validation_failed",
    "overloaded",
    "internal_error",
]


class Failed(Message):
    """No answer: a code of a closed list, what happened and what to do, and whether to retry."""

    type: Literal["failed"] = "failed"
    id: Name
    code: FailureCode
    message: str
    retryable: bool
    attempts: tuple[Attempt, ...] = ()
    trace_id: str | None = None


Reply: TypeAlias = Annotated[Chunk | Done | Failed, Field(discriminator="type")]


# ------------------------------------------------------------------------------ the usage event


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
    tags: dict[str, str] = {}
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
