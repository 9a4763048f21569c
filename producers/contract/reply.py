"""Reply messages: a chunk of a stream, the answer, or the reason why there is none."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import FailFast, Field, ValidationInfo, field_validator

from .attempt import Attempt, Usage
from .message import PASSED_ON, Message, MicroUsd, Name
from .route import Candidate


class CacheOutcome(Message):
    """What the semantic cache did with the request."""

    result: Literal["hit", "miss", "bypass", "error"]
    """`bypass`: the cache wasn't asked; `error`: it was, and could not answer."""

    step: Literal["exact", "canonical", "semantic"] | None = None
    """Of a hit: the step of the search that found the entry."""

    score: float | None = None
    """Of a hit: how sure it is that both ask the same, 0..1; 1 for the same words."""

    age_s: float | None = None
    """Of a hit: the entry's age in seconds."""

    entry: str | None = None
    """Of a hit: the entry's id, by which it can be invalidated."""

    saved_micro_usd: MicroUsd | None = None
    """Of a hit: micro-dollars that the answer had cost when it was bought."""

    reason: str | None = None
    """Why it was no hit, in words."""


class RouteTaken(Message):
    """Where the answer came from, with every attempt on the way."""

    tier: Name
    """The tier that answered."""

    task: Name | None = None
    """The declared task, else the recognised one."""

    zone: Name | None = None
    """The zone of the deployment that answered."""

    deployment: Name | None = None
    """The deployment that answered; null for a hit of the cache."""

    provider: Name | None = None
    """The provider of that deployment."""

    model: Name | None = None
    """The model that answered."""

    reasons: tuple[str, ...] = ()
    """Why this way was taken, in words, in the order of the decisions."""

    candidates: tuple[Candidate, ...] = ()
    """What the router knew of each tier when it chose."""

    attempts: Annotated[tuple[Attempt, ...], FailFast()] = ()
    """Every provider call for this request, in order."""


class Timings(Message):
    """How long the parts of the way took."""

    queued_ms: float = 0
    """Milliseconds that the request waited in Kafka."""

    first_token_ms: float | None = None
    """Milliseconds from submission to the answer's first token; null where no provider answered."""

    total_ms: float = 0
    """Milliseconds from submission to the reply."""


class Chunk(Message):
    """A piece of a streamed answer."""

    type: Literal["chunk"] = "chunk"
    id: Name
    """The request's id."""

    run: int = 0
    """Rises when another worker takes the request over after a crash, or the next deployment
    after a cut stream: what came with a lower run is void."""

    seq: int
    """The chunk's number within its run, from 0."""

    delta: dict[str, Any]
    """The `delta` of an OpenAI `chat.completion.chunk`. What OpenAI's shape has no place for is
    under `anthropic`, in the words of Anthropic's stream: `{"block": …}` begins a block (a thought,
    a tool that the provider runs, a further text), `{"delta": …}` is a piece of the last one (a
    signature, a citation, a tool's input). A thought's own text comes as `reasoning_content`."""


class Done(Message):
    """The answer, the way it took, and what it cost."""

    type: Literal["done"] = "done"
    id: Name
    """The request's id."""

    body: dict[str, Any]
    """An OpenAI `chat.completion`."""

    route: RouteTaken
    """Where the answer came from."""

    cache: CacheOutcome
    """What the semantic cache did."""

    usage: Usage
    """The tokens of the call that answered; all 0 for a hit of the cache."""

    cost_micro_usd: MicroUsd | None = None
    """What all attempts cost; null when no price is known ("unpriced", never 0); 0 for a hit."""

    baseline_micro_usd: MicroUsd | None = None
    """What the tenant's baseline deployment would have cost for the same tokens."""

    summary: str | None = None
    """What the answer cost and why, in one sentence for a person."""

    timings: Timings
    """How long the parts of the way took."""

    redelivered: bool = False
    """Whether a worker that died had begun with it: what that one spent isn't in the cost."""

    trace_id: str | None = None
    """The W3C trace id of the request, 32 hexadecimal digits."""

    warnings: tuple[str, ...] = ()
    """What the caller should know of the answer, such as numbers its context lacks."""


FailureCode: TypeAlias = Literal[
    "invalid_request",
    "request_too_large",
    "id_reused",
    "unknown_tier",
    "unknown_model",
    "unknown_tenant",
    "reply_to_not_allowed",
    "forbidden",
    "wrong_zone",
    "rate_limited",
    "no_deployment_fits",
    "bad_credentials",
    "context_too_long",
    "content_filtered",
    "unsupported_content",
    "provider_rejected",
    "providers_exhausted",
    "deadline_exceeded",
    "cancelled",
    "budget_exceeded",
    "not_in_cache",
    "validation_failed",
    "answer_too_large",
    "overloaded",
    "internal_error",
]
_KNOWN_CODES: Final = frozenset(get_args(FailureCode))


def _open_list(schema: dict[str, Any]) -> None:
    """The JSON Schema of a list that grows: a text, and the values known today."""
    schema["x-extensible-enum"] = schema.pop("enum")


class Failed(Message):
    """No answer: why, and what to do about it."""

    type: Literal["failed"] = "failed"
    id: Name
    """The request's id."""

    code: Annotated[
        FailureCode,
        # open for readers: their list may be older than the writer's
        Field(json_schema_extra=_open_list),
    ]
    """The kind of failure; a reader takes one that it doesn't know for `internal_error`."""

    message: str
    """What happened and what to do, for a person."""

    retryable: bool
    """Whether the same request may succeed later."""

    retry_after_s: float | None = None
    """Seconds after which to try again, where that is known."""

    attempts: Annotated[tuple[Attempt, ...], FailFast()] = ()
    """Every provider call for this request, in order."""

    redelivered: bool = False
    """Whether a worker that died had begun with it: what that one spent isn't in the attempts."""

    trace_id: str | None = None
    """The W3C trace id of the request, 32 hexadecimal digits."""

    @field_validator("code", mode="before")
    @classmethod
    def _known_code(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - as it came
        newer = isinstance(value, str) and value not in _KNOWN_CODES
        return "internal_error" if newer and info.context == PASSED_ON else value


def answer_message(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of a `chat.completion`'s first choice; empty where there is none."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list | tuple) and choices else None
    message = first.get("message") if isinstance(first, Mapping) else None
    return message if isinstance(message, Mapping) else {}


def answer_text(body: Mapping[str, Any]) -> str | None:
    """The text of a `chat.completion`; None for an answer without one, such as tool calls."""
    content = answer_message(body).get("content")
    return content if isinstance(content, str) and content else None


def message_deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The deltas in which a stream tells a whole message, as `Chunk.delta` says."""
    native = message.get("anthropic")
    rest = {name: value for name, value in message.items() if value is not None}
    calls = [{**call, "index": n} for n, call in enumerate(rest.get("tool_calls") or ())]
    if native and native.get("content") and not message.get("refusal"):
        yield from _block_deltas(native["content"], calls)
        shown = {"content", "tool_calls", "reasoning_content"}
    else:
        blocks = rest.get("thinking_blocks") or ()
        yield from _block_deltas(blocks, calls)
        shown = {"reasoning_content"} if blocks else set()
        if calls:
            rest["tool_calls"] = calls
    hidden = shown | {"thinking_blocks", "anthropic"}
    delta = {name: value for name, value in rest.items() if name not in hidden}
    if delta:
        yield delta


def _block_deltas(
    blocks: Sequence[Mapping[str, Any]], calls: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """calls: those that the blocks of tools stand for, in order."""
    unnamed, before = iter(calls), None
    for block in blocks:
        kind = block.get("type")
        match kind:
            case "text":
                if before == "text":
                    yield {"anthropic": {"block": {"type": "text", "text": ""}}}
                yield {"content": block.get("text") or ""}
                for cited in block.get("citations") or ():
                    yield {"anthropic": {"delta": {"type": "citations_delta", "citation": cited}}}
            case "thinking":
                yield {"anthropic": {"block": {**block, "thinking": "", "signature": ""}}}
                yield {"reasoning_content": block.get("thinking") or ""}
                if signature := block.get("signature"):
                    told = {"type": "signature_delta", "signature": signature}
                    yield {"anthropic": {"delta": told}}
            case "tool_use":
                yield from ({"tool_calls": [call]} for call in islice(unnamed, 1))
            case _:
                yield {"anthropic": {"block": dict(block)}}
        before = kind


Reply: TypeAlias = Annotated[Chunk | Done | Failed, Field(discriminator="type")]
