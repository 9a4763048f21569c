"""How good was an answer? The message that the router learns from."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from .message import Message, Name

FeedbackSource: TypeAlias = Literal["user", "escalation", "validator", "judge", "lookup"]
"""Who says so.

user: a person, by a rating. escalation: a person had to take over. validator: the request's checks.
judge: a model, asked whether the context supports the answer. lookup: the search for the answer's
numbers, names and quotations in its context.
"""


class Feedback(Message):
    """How good an answer was, 0..1: what was said, not what follows from it.

    id: the request's: an answer counts once, whoever speaks; a person's word replaces a check's.
    tenant, task, tier: of the route that gave the answer; expected: the success that the route's
    candidate for that tier was assumed to have. The router learns from it when that is switched on.
    """

    id: Name
    tenant: Name
    task: Name
    tier: Name
    good: Annotated[float, Field(ge=0, le=1)]
    source: FeedbackSource
    expected: Annotated[float, Field(ge=0, le=1)] | None = None
