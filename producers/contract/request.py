"""Request message: an OpenAI chat with its tenant and what the caller demands."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NotRequired, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator, with_config
from typing_extensions import TypedDict

from .checks import Validator
from .message import Demand, Message, Name

MAX_MESSAGES: Final = 4_096
MAX_PARTS: Final = 1_024
MAX_ALL_PARTS: Final = 4_096
MAX_TOOLS: Final = 512
MAX_TAGS: Final = 20
MAX_TAG_CHARACTERS: Final = 500
"""Tags are in each usage event, and each of a cache entry's is a key in Redis."""


MOST_ASKED_TOKENS: Final = 1_000_000_000
"""No model has as many. JSON allows any number; one of 309 digits fits no float."""


def _most(number: int) -> int:
    return min(number, MOST_ASKED_TOKENS)


Tokens: TypeAlias = Annotated[int, Field(ge=1), AfterValidator(_most)]
"""A number that is compared and calculated with; one beyond all counts as `MOST_ASKED_TOKENS`."""

MAX_EMBEDDINGS: Final = 2_048
"""Texts of one request; OpenAI takes as many."""


@with_config(ConfigDict(extra="ignore", use_attribute_docstrings=True))
class EmbeddingsInput(TypedDict):
    """What is to be embedded. The answer is OpenAI's list, each vector as base64 of float32."""

    input: Annotated[list[str] | list[list[int]], Field(min_length=1, max_length=MAX_EMBEDDINGS)]
    """Texts, or texts as token numbers; so many that their vectors fit into one reply."""

    dimensions: NotRequired[Tokens]
    """Of each vector, where the model can give fewer than its own."""


MAX_BETAS: Final = 20

# the length apart from the pattern: a counted class of all letters, as in `[\w.-]{1,100}`, compiles
# to megabytes
Beta: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.-]+$")]
"""A name for Anthropic's `anthropic-beta` header."""


@with_config(ConfigDict(extra="ignore", use_attribute_docstrings=True))
class AnthropicParts(TypedDict):
    """What a chat that came as Anthropic's Messages loses in OpenAI's shape, as it came.

    A deployment of Anthropic's interface gets it in place of `messages` and `tools`; every other
    one gets those, and the reply warns.
    """

    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_MESSAGES)]
    """With their blocks: cache marks, documents, citations, signed thoughts, server tools."""

    system: NotRequired[Annotated[list[dict[str, Any]], Field(max_length=MAX_PARTS)]]
    """The blocks of the system prompt."""

    tools: NotRequired[Annotated[list[dict[str, Any]], Field(max_length=MAX_TOOLS)]]
    """Those of Anthropic's own kinds, and their cache marks, too."""

    fields: NotRequired[dict[str, Any]]
    """Fields of the request that the chat has no place for."""

    betas: NotRequired[Annotated[list[Beta], Field(max_length=MAX_BETAS)]]
    """For the `anthropic-beta` header."""

    alters: NotRequired[bool]
    """Whether an answer depends on it; without, the cache takes no notice of it."""


@with_config(ConfigDict(extra="allow", use_attribute_docstrings=True))
class ChatMessage(TypedDict):
    """One message of an OpenAI chat; fields not named here pass through untouched."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: NotRequired[str | Annotated[list[dict[str, Any]], Field(max_length=MAX_PARTS)] | None]
    """A text, or OpenAI's content parts."""

    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]


def _parts_of(message: Mapping[str, Any]) -> int:
    """Its content parts and tool calls; a tool's result has parts of its own."""
    parts = len(message.get("tool_calls") or ())
    content = message.get("content")
    if type(content) is list:
        nested = (part.get("content") for part in content if type(part) is dict)
        parts += len(content) + sum(len(held) for held in nested if type(held) is list)
    return parts


class ChatBody(BaseModel):
    """The OpenAI Chat Completions request.

    Parameters not named here pass through: the provider's dialect decides what it can take.
    """

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    model: str = "auto"
    """A tier, a model, or `auto`: the router chooses."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool = False
    """Whether the answer also comes in chunks."""

    max_tokens: Tokens | None = None
    """Tokens that the answer may have at most; OpenAI's older name."""

    max_completion_tokens: Tokens | None = None
    """Tokens that the answer may have at most; goes before `max_tokens`."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=MAX_TOOLS)] | None = None
    response_format: dict[str, Any] | None = None
    anthropic: AnthropicParts | None = None
    """What OpenAI's shape has no place for, of a chat that came as Anthropic's Messages."""

    embeddings: EmbeddingsInput | None = None
    """Makes it a request for embeddings: `messages` is one empty message then, and isn't read."""

    @model_validator(mode="after")
    def _bound_parts(self) -> Self:
        """Many messages of many parts each would take as long as their product."""
        parts = sum(map(_parts_of, self.messages))
        if self.anthropic is not None:
            parts += sum(map(_parts_of, self.anthropic["messages"]))
        if parts > MAX_ALL_PARTS:
            raise ValueError(
                f"content parts and tool calls of a conversation: {parts:,} parts, "
                f"at most {MAX_ALL_PARTS:,} may be"
            )
        return self


CacheSubject: TypeAlias = Literal["everyone", "moment", "person", "conversation"]
"""Whom or what an answer depends on."""


class CacheControl(Demand):
    """How the semantic cache may serve this request; a caller may raise the bar, never lower it."""

    mode: Literal["default", "no-cache", "no-store", "only-if-cached"] = "default"
    """`no-cache`: not answered from the cache, the new answer is kept. `no-store`: may be answered
    from the cache, nothing is kept. `only-if-cached`: fails rather than call a provider."""

    ttl_s: Annotated[int, Field(ge=1)] | None = None
    """Seconds that the answer may be served for, at most, and by default, the operator's."""

    scope: Name | None = None
    """A part of the tenant's cache that shares no entry with the rest, e.g. a user's."""

    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    """The least score of a hit: 1 the same words, 0.99 the canonical form too, less: near ones."""

    about: CacheSubject | None = None
    """What the question is about, where the caller knows it; beats what the cache would guess.
    `everyone`: one answer serves all. `moment`, `person`, `conversation`: it isn't kept."""

    tags: Annotated[tuple[Name, ...], Field(max_length=MAX_TAGS)] = ()
    """Labels of the entry, by which it can be invalidated, at most 20."""


Objective: TypeAlias = Literal["cost", "latency", "balanced"]
"""What the router's choice is to be best at, among what is good enough."""


class Routing(Demand):
    """What the caller demands or knows; everything is optional."""

    tier: Name | None = None
    """The tier to serve this request, whatever the router thinks."""

    min_quality: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of good answers that a tier must be expected to give, 0..1."""

    max_cost_usd: Annotated[Decimal, Field(gt=0, le=1_000_000)] | None = None
    """US dollars that the answer may cost at most, by the router's estimate."""

    deadline_ms: Annotated[int, Field(ge=1, le=31_536_000_000)] | None = None
    """Milliseconds from submission within which an answer is still of use; at most a year."""

    max_ttft_ms: Annotated[int, Field(ge=1, le=31_536_000_000)] | None = None
    """Milliseconds from submission within which the answer is to begin, by what was measured of the
    deployments: the first chunk of a stream, or the whole answer of a request that isn't streamed.
    """

    objective: Objective | None = None
    """What decides among the tiers and deployments that are good enough: `cost` the least price,
    `latency` the soonest answer, `balanced` the least product of both; null: the operator's."""

    latency: Literal["interactive", "batch"] = "interactive"
    """`batch`: may wait for cheaper processing, behind interactive requests."""

    residency: tuple[Name, ...] = ()
    """The zones that may see the data, e.g. `["eu"]`; empty: any."""

    self_hosted_only: bool = False
    """Whether only deployments that the operator runs may see the data."""

    task: Name | None = None
    """The kind of work, where the caller knows it: a key of `policy.tasks`, or any other name."""

    cache: CacheControl = CacheControl()
    """How the semantic cache may serve this request."""

    validators: tuple[Validator, ...] = ()
    """Checks that the answer must pass; a failed one is repaired or escalated."""

    tags: Annotated[
        dict[Name, Annotated[str, Field(max_length=MAX_TAG_CHARACTERS)]],
        Field(max_length=MAX_TAGS),
    ] = Field(default_factory=dict)
    """Labels for reports and rules, at most 20; their values have at most 500 characters."""

    conversation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Requests of one conversation share a partition."""

    ordered: bool = False
    """Whether the requests of the conversation are answered in their order."""

    after_failure: Literal["repeat", "run"] = "repeat"
    """What comes of this request if its id has failed before, in a way that may be retried:
    `repeat`, that failure again; `run`, another try, if the request was sent after the failure."""

    @model_validator(mode="after")
    def _order_of_something(self) -> Self:
        if self.ordered and self.conversation is None:
            raise ValueError("ordered needs a conversation to be ordered in")
        return self


class Request(Message):
    """One LLM request, as a backend service publishes it."""

    id: Name
    """The caller's id of this request; sent again with the same id, it is answered once."""

    tenant: Name
    """Who pays, and whose rules apply."""

    body: ChatBody
    """The OpenAI Chat Completions request."""

    routing: Routing = Routing()
    """What the caller demands or knows."""
