"""What does a request for an LLM say?"""

from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator, with_config
from typing_extensions import TypedDict

from .checks import Validator
from .message import Message, Name


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
    tags: Annotated[dict[Name, str], Field(max_length=20)] = Field(default_factory=dict)
    conversation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    ordered: bool = False

    @model_validator(mode="after")
    def _order_of_something(self) -> Self:
        if self.ordered and self.conversation is None:
            raise ValueError("ordered needs a conversation to be ordered in")
        return self


class Request(Message):
    """One LLM request, as a backend service publishes it."""

    id: Name
    tenant: Name
    body: ChatBody
    routing: Routing = Routing()
