"""Outcome policy: what the end of a call says of its deployment, its provider and its request.

Every kind of outcome is judged here and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from runtime.circuit_breaker.rules import (
    BreakerSignal,
    CallFailure,
    Ignored,
    Succeeded,
    Tripped,
)
from workers.providers.base.call_outcome import (
    BadCredentials,
    CallOutcome,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    MalformedResponse,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRejected,
    ServerError,
    StreamTruncated,
    TimedOut,
    UnknownModel,
)

FollowUp: TypeAlias = Literal[
    "answered",  # there is an answer
    "again",  # elsewhere at once, or here after a pause
    "elsewhere",  # this deployment can't serve the request, another may
    "longer",  # only a model with a longer context window
    "filtered",  # a filter refused it; another provider's might not
    "unsupported",  # this dialect has no words for it, another's may
    "translation",  # the provider refused what we made of it, not the caller's own words
    "rejected",  # the provider calls the request invalid
]
"""What the request may still try."""

LoadSignal: TypeAlias = Literal["none", "drop"]
"""Whether the deployment asked for less at once (the adaptive concurrency's input)."""


@dataclass(frozen=True, slots=True)
class OutcomeVerdict:
    """One outcome, judged."""

    follow_up: FollowUp
    deployment: BreakerSignal
    """For the deployment's breaker."""
    provider: BreakerSignal = field(default_factory=Ignored)
    """For the breaker of its provider's region."""
    load: LoadSignal = "none"


def judge_outcome(  # noqa: C901, PLR0911, PLR0912 -- one exhaustive table reads better than its pieces
    outcome: CallOutcome, took_s: float, slow_after_s: float, fair_wait_s: float
) -> OutcomeVerdict:
    """The verdict on a call that took `took_s` seconds, when `slow_after_s` is unreasonably long.

    A time-out before `fair_wait_s` was the caller's short deadline, not the deployment's fault.
    """
    match outcome:
        case Completion(first_token_s=first_token_s):
            return OutcomeVerdict("answered", Succeeded(first_token_s >= slow_after_s), Succeeded())
        case ContextTooLong():
            return OutcomeVerdict("longer", Ignored(), Succeeded())
        case ContentFiltered():
            return OutcomeVerdict("filtered", Ignored(), Succeeded())
        # nothing was sent: no word for or against anybody
        case RequestRejected(unsent=True):
            return OutcomeVerdict("unsupported", Ignored())
        case RequestRejected(translated=True):
            return OutcomeVerdict("translation", Ignored(), Succeeded())
        case RequestRejected():
            return OutcomeVerdict("rejected", Ignored(), Succeeded())
        case BadCredentials() | UnknownModel():
            return OutcomeVerdict("elsewhere", Tripped("misconfigured"), Succeeded())
        case QuotaExhausted(until_s=until_s):
            return OutcomeVerdict("elsewhere", Tripped("quota", until_s), Succeeded())
        # a limit is the account's at one deployment: the provider itself is well, and says so
        case RateLimited(wait_s=wait_s):
            return OutcomeVerdict("again", Tripped("rate_limited", wait_s), Succeeded(), "drop")
        case RampTooFast(wait_s=None):
            return OutcomeVerdict("again", Ignored(), Succeeded(), "drop")
        case RampTooFast(wait_s=wait_s):
            return OutcomeVerdict("again", Tripped("rate_limited", wait_s), Succeeded(), "drop")
        # whoever is overloaded is it for all: the provider's breaker opens, in one region
        case Overloaded(wait_s=wait_s):
            return OutcomeVerdict("again", Ignored(), Tripped("overloaded", wait_s), "drop")
        case TimedOut() if took_s < fair_wait_s:
            return OutcomeVerdict("again", Ignored())
        case TimedOut():
            return OutcomeVerdict("again", CallFailure(), load="drop")
        # one tenant's requests for more than we read must close nothing to the others
        case MalformedResponse(too_large=True):
            return OutcomeVerdict("again", Ignored(), Succeeded())
        case ServerError() | MalformedResponse() | StreamTruncated():
            return OutcomeVerdict("again", CallFailure(), Succeeded())
        # a lost connection may be the way there: no word for or against the provider
        case ConnectionLost():
            return OutcomeVerdict("again", CallFailure())
        case _:
            assert_never(outcome)
