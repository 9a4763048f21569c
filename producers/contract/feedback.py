"""Feedback message: how good an answer was, for the router to learn from."""

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
    """How good an answer was: what was said, not what follows from it.

    An answer counts once, whoever speaks; a person's word replaces a check's. The router learns
    from it when that is switched on.
    """

    id: Name
    """The id of the request that was answered."""

    tenant: Name
    """The tenant of that request."""

    task: Name
    """The task of the route that gave the answer."""

    tier: Name
    """The tier of the route that gave the answer."""

    model: Name | None = None
    """The model that gave the answer; null: the tier's outcomes count, whatever model it was."""

    good: Annotated[float, Field(ge=0, le=1)]
    """How good the answer was: 0 useless, 1 right."""

    source: FeedbackSource
    """Who says so: a person (`user`, `escalation`) or a check (`validator`, `judge`, `lookup`)."""

    expected: Annotated[float, Field(ge=0, le=1)] | None = None
    """The success that the route's candidate for that tier was assumed to have, 0..1."""
