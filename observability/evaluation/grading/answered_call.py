"""Answered call: what came of one case at one candidate, as the evaluation's journal keeps it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field

from producers.contract import Attempt, Done, Failed, MicroUsd, Usage, answer_message, answer_text
from producers.contract.message import Message, Name

_WAITED: Final = "may wait: "
"""How the router begins its reason for sending a request to the batch queue."""


class AnsweredCall(Message):
    """A final reply, reduced to what grades and figures need."""

    request: Name
    """The request's id."""

    at_ms: int
    """Unix milliseconds of the reply."""

    outcome: Literal["done", "failed", "no reply"]
    """`no reply`: none came before the deadline."""

    code: str | None = None
    """Of a failure: its kind."""

    message: dict[str, Any] = Field(default_factory=dict)
    """The answer, as OpenAI's chat completion has it."""

    text: str = ""
    """The answer's text."""

    finish_reason: str | None = None
    """Why the model stopped."""

    model: Name | None = None
    """The model that answered, as the reply says."""

    deployment: Name | None = None
    """The deployment that answered."""

    input_tokens: int = 0
    """Of the prompt, of all calls that were billed."""

    output_tokens: int = 0
    """Of the answer, of all calls that were billed."""

    cost_micro_usd: MicroUsd | None = None
    """Of all attempts; null: unpriced."""

    call_ms: float | None = None
    """Of the provider's call; null for a batch."""

    first_token_ms: float | None = None
    """From submission to the first token; null for a batch."""

    batch: bool = False
    """Whether a provider's batch answered."""

    late_batch: bool = False
    """Whether it was in a batch and answered by its tier: the batch may still bill it."""

    redelivered: bool = False
    """Whether a worker that died had begun with it: its call may be billed beside this one."""

    @property
    def refused(self) -> bool:
        """Whether the model, or its filter, refused to answer."""
        return bool(self.message.get("refusal")) or self.finish_reason == "content_filter"


def answered_call(reply: Done | Failed, at_ms: int) -> AnsweredCall:
    """The reply as the journal keeps it."""
    return _failed_call(reply, at_ms) if isinstance(reply, Failed) else _done_call(reply, at_ms)


def _failed_call(reply: Failed, at_ms: int) -> AnsweredCall:
    usage = _billed_usage(reply.attempts)
    costs = [attempt.cost_micro_usd or Decimal(0) for attempt in reply.attempts]
    return AnsweredCall(
        request=reply.id,
        at_ms=at_ms,
        outcome="failed",
        code=reply.code,
        input_tokens=usage.input_total,
        output_tokens=usage.output_total,
        cost_micro_usd=sum(costs, Decimal(0)),
        redelivered=reply.redelivered,
    )


def _done_call(reply: Done, at_ms: int) -> AnsweredCall:
    attempts, route = reply.route.attempts, reply.route
    usage = _billed_usage(attempts)
    waited = any(reason.startswith(_WAITED) for reason in route.reasons)
    # a batch's attempt has no beginning within a worker's handling of the request
    batch = waited and bool(attempts) and attempts[-1].started_ms == 0
    return AnsweredCall(
        request=reply.id,
        at_ms=at_ms,
        outcome="done",
        message=dict(answer_message(reply.body)),
        text=answer_text(reply.body) or "",
        finish_reason=_finish_reason(reply.body),
        model=route.model,
        deployment=route.deployment,
        input_tokens=usage.input_total,
        output_tokens=usage.output_total,
        cost_micro_usd=reply.cost_micro_usd,
        call_ms=attempts[-1].duration_ms if attempts and not batch else None,
        first_token_ms=None if batch else reply.timings.first_token_ms,
        batch=batch,
        late_batch=waited and not batch,
        redelivered=reply.redelivered,
    )


def _billed_usage(attempts: tuple[Attempt, ...]) -> Usage:
    billed = [attempt.usage for attempt in attempts if attempt.usage is not None]
    return Usage(
        input_uncached=sum(usage.input_total for usage in billed),
        output=sum(usage.output_total for usage in billed),
    )


def _finish_reason(body: Mapping[str, Any]) -> str | None:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, Mapping) else None
    return reason if isinstance(reason, str) else None
