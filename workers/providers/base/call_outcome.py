"""How can a call of a provider end?

    Outcome
    ├── Completion                the answer, its usage, what the provider says of its limits
    └── Failure
        ├── the caller must act:  ContextTooLong · ContentFiltered · Rejected
        ├── the operator must:    BadCredentials · QuotaExhausted · UnknownModel
        ├── the provider must:    RateLimited · RampTooFast · Overloaded · ServerError
        └── nobody knows who:     TimedOut · ConnectionLost · CutStream · Garbled

A refusal by the model is a Completion (it is billed, with `finish_reason` = "refusal"), not a
Failure.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from producers.contract import Usage


@dataclass(frozen=True, slots=True)
class RateWindow:
    """One limit as the provider's headers tell it; None = not told. reset_s: seconds from now."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a response said of the account's budget, in the one shape all providers map to."""

    requests: RateWindow = RateWindow()
    tokens: RateWindow = RateWindow()


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. body: an OpenAI `chat.completion`; first_token_s: seconds from the call."""

    body: dict[str, Any]
    usage: Usage
    finish_reason: str
    first_token_s: float
    warnings: tuple[str, ...] = ()
    limits: RateLimits = RateLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """What every failure tells. message: for people, no secrets; usage: tokens billed anyway."""

    message: str
    status: int | None = None
    code: str | None = None
    usage: Usage | None = None
    limits: RateLimits = field(default_factory=RateLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTooLong(CallFailed):
    """The prompt doesn't fit this model: another model may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFiltered(CallFailed):
    """The provider's filter refused the prompt or the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRejected(CallFailed):
    """The provider calls the request invalid: sending it again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCredentials(CallFailed):
    """No key, a wrong key, or a key without the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownModel(CallFailed):
    """The provider doesn't know the deployment's model: a mistake in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExhausted(CallFailed):
    """The account's money or monthly quota is spent. until_s: seconds until its reset, if told."""

    until_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(CallFailed):
    """Too many requests or tokens on this deployment. wait_s: the provider's hint, if any."""

    wait_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RampTooFast(CallFailed):
    """The limit isn't reached, the growth is too steep: slow down rather than stop."""

    wait_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overloaded(CallFailed):
    """The provider as a whole has no capacity (Anthropic 529, OpenAI 503)."""

    wait_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError(CallFailed):
    """The provider failed: 5xx without a more exact reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(CallFailed):
    """No answer in time. before_first_token: nothing had come yet."""

    before_first_token: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost(CallFailed):
    """No connection, or reset before anything came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTruncated(CallFailed):
    """The stream ended before its end mark; the caller may have seen a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedResponse(CallFailed):
    """The response isn't what the dialect says it must be."""


Failure: TypeAlias = (
    ContextTooLong
    | ContentFiltered
    | RequestRejected
    | BadCredentials
    | UnknownModel
    | QuotaExhausted
    | RateLimited
    | RampTooFast
    | Overloaded
    | ServerError
    | TimedOut
    | ConnectionLost
    | StreamTruncated
    | MalformedResponse
)
CallOutcome: TypeAlias = Completion | Failure
