"""Evaluation case: a request as it was asked, what a good answer to it is, and who may see it."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from producers.contract import ChatBody, Request, Validator
from producers.contract.message import Message, Name

MAX_REFERENCE: Final = 100_000
"""Characters of a reference or a context."""
UNKNOWN_TASK: Final = "other"

EvaluationConsent: TypeAlias = Literal["allowed", "self-hosted only", "no"]
"""What a tenant's recorded requests may be used for."""

_Text: TypeAlias = Annotated[str, Field(max_length=MAX_REFERENCE)]


class EvaluationCase(Message):
    """One case. What isn't of the prompt is for the metric, and is never sent."""

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
    """Its name within the data set."""

    tenant: Name
    """Whose request it was; who pays, where nobody else is named."""

    body: ChatBody
    """The chat as it was asked."""

    task: Name = UNKNOWN_TASK
    """The declared task, else the recognised one."""

    reference: _Text | None = None
    """The right answer, where it is known."""

    context: _Text | None = None
    """What an answer must be borne out by, where it isn't all in the prompt."""

    validators: tuple[Validator, ...] = ()
    """The checks that the request demanded."""

    residency: tuple[Name, ...] = ()
    """The only zones that may see it; empty: any."""

    self_hosted_only: bool = False
    """Whether only the operator's own deployments may see it."""

    group: Name | None = None
    """Cases that aren't independent, such as the turns of one conversation."""

    user: Annotated[str, Field(max_length=500)] | None = None
    """Whose words it holds, as the request said: so that they can be erased."""

    count: Annotated[int, Field(ge=1)] = 1
    """Recorded requests of the same canonical form."""

    recorded_ms: Annotated[int, Field(ge=0)] = 0
    """Unix milliseconds of the first of them."""


def user_of(request: Request) -> str | None:
    """The end user that a request names: by `safety_identifier`, `user`, or a tag `user`."""
    extra = request.body.model_extra or {}
    named = extra.get("safety_identifier") or extra.get("user") or request.routing.tags.get("user")
    return named[:500] if isinstance(named, str) else None


def replayed_body(body: ChatBody) -> ChatBody:
    """The chat without what says who asked, and how the answer is to be delivered."""
    dropped = {"user", "safety_identifier", "metadata", "store", "stream_options", "service_tier"}
    extra = {name: value for name, value in (body.model_extra or {}).items() if name not in dropped}
    fields = {name: getattr(body, name) for name in body.model_fields_set if name in _FIELDS}
    return ChatBody.model_validate({**fields, **extra, "model": "auto", "stream": False})


_FIELDS: Final = frozenset(ChatBody.model_fields) - {"model", "stream"}
