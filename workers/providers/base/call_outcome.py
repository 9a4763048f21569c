"""Call outcome: the closed union of ways in which a call of a provider ends.

    CallOutcome
    ├── Completion                the answer, its usage, what the provider says of its limits
    └── Failure
        ├── the caller must act:      ContextTooLong · ContentFiltered · RequestRejected
        ├── the operator must act:    BadCredentials · QuotaExhausted · UnknownModel
        ├── the provider must act:    RateLimited · RampTooFast · Overloaded · ServerError
        └── can't be told from here:  TimedOut · ConnectionLost · StreamTruncated
                                      MalformedResponse

A refusal by the model is a Completion (it is billed, with `finish_reason` = "refusal"), not a
Failure.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from producers.contract import Usage


@dataclass(frozen=True, slots=True)
class RateWindow:
    """One limit as the provider's headers tell it; None = not told."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    """Seconds from now."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a response's headers said of the account's limits, in one shape for all providers."""

    requests: RateWindow = RateWindow()
    tokens: RateWindow = RateWindow()


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    body: dict[str, Any]
    """An OpenAI `chat.completion`, whatever the dialect."""

    usage: Usage
    finish_reason: str
    """OpenAI's, or `refusal`."""

    first_token_s: float
    """Seconds from the call; of an answer that wasn't streamed, until all of it was there."""

    warnings: tuple[str, ...] = ()
    """What was dropped or changed to be said in this dialect, in words for the caller."""

    limits: RateLimits = RateLimits()
    usage_estimated: bool = False
    """`usage` is reckoned from the prompt and the answer: the provider told none to be believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """What every failure tells."""

    message: str
    """For people; holds no secrets."""

    status: int | None = None
    """The HTTP status; None when the request was not sent, or nothing came back."""

    code: str | None = None
    usage: Usage | None = None
    """Tokens that are billed anyway; None = none, or unknown."""

    usage_estimated: bool = False
    """`usage` is reckoned from the prompt and from what came: the provider didn't tell it all."""

    limits: RateLimits = field(default_factory=RateLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextTooLong(CallFailed):
    """The prompt doesn't fit this model: another model may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFiltered(CallFailed):
    """The provider's filter refused the prompt or the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRejected(CallFailed):
    """The request can't be said to this provider, or it calls it invalid: again changes nothing."""

    unsent: bool = False
    """The dialect has no words for it, so nothing was sent: the message names the field."""

    translated: bool = False
    """What was refused isn't what the caller wrote, but what was made of it for this provider."""

    warnings: tuple[str, ...] = ()
    """What was dropped or changed on the way, in words for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCredentials(CallFailed):
    """No key, a wrong key, or a key without the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownModel(CallFailed):
    """The provider doesn't know the deployment's model: a mistake in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExhausted(CallFailed):
    """The account's money or monthly quota is spent."""

    until_s: float | None = None
    """Seconds until its reset, if told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimited(CallFailed):
    """Too many requests or tokens on this deployment."""

    wait_s: float | None = None
    """Seconds: the provider's hint, if any. The same in the next two."""


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
    """No answer in time."""

    before_first_token: bool = True
    """Nothing had come yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost(CallFailed):
    """No connection, or reset before anything came."""

    connected: bool = True
    """Whether there was a connection: the request may have been the reason why it broke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTruncated(CallFailed):
    """The stream ended before its end mark; the caller may have seen a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedResponse(CallFailed):
    """The response isn't what the dialect says it must be."""

    too_large: bool = False
    """It is beyond a limit of ours: the caller may have asked for so much."""


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
