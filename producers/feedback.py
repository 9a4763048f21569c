"""How good was an answer? The message that the router learns from."""

from typing import Annotated, Literal

from pydantic import Field

from .messages import Message, Name


class Feedback(Message):
    """How good an answer was, 0..1: from a validator, an escalation, or a person.

    tenant, task, tier: of the route that gave the answer; expected: the success that the route's
    candidate for that tier was assumed to have. The router learns from it when that is switched on.
    """

    id: Name
    tenant: Name
    task: Name
    tier: Name
    good: Annotated[float, Field(ge=0, le=1)]
    source: Literal["validator", "escalation", "user"]
    expected: Annotated[float, Field(ge=0, le=1)] | None = None
