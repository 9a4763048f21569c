"""What does a reply say?"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from .attempt import Attempt, Usage
from .message import Message, MicroUsd, Name
from .route import Candidate


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
    task: Name | None = None
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


def answer_message(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of a `chat.completion`'s first choice; empty where there is none."""
    choices = body.get("choices")
    message: Mapping[str, Any] = (choices[0].get("message") if choices else None) or {}
    return message


def answer_text(body: Mapping[str, Any]) -> str | None:
    """The text of a `chat.completion`; None for an answer without one, such as tool calls."""
    content = answer_message(body).get("content")
    return content if isinstance(content, str) and content else None


Reply: TypeAlias = Annotated[Chunk | Done | Failed, Field(discriminator="type")]
