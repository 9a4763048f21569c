"""What does the end of a call say: about its deployment, about its provider, and for the request?

Every kind of outcome is judged here and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from .breaker_rules import CallFailure, Ignored, Signal, Succeeded, Tripped
from .providers.outcome import (
    BadCredentials,
    Completion,
    ConnectionLost,
    ContentFiltered,
    ContextTooLong,
    CutStream,
    Garbled,
    Outcome,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    Rejected,
    ServerError,
    TimedOut,
    UnknownModel,
)

Follow: TypeAlias = Literal[
    "answered",  # there is an answer
    "again",  # elsewhere at once, or here after a pause
    "elsewhere",  # this deployment can't serve the request, another may
    "longer",  # only a model with a longer context window
    "filtered",  # a filter refused it; another provider's might not
    "rejected",  # the provider calls the request invalid
]
"""What the request may still try."""

Pressure: TypeAlias = Literal["none", "drop"]
"""Whether the deployment asked for less at once (the adaptive concurrency's input)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One outcome, judged. deployment, provider: what their two breakers are told."""

    follow: Follow
    deployment: Signal
    provider: Signal = field(default_factory=Ignored)
    pressure: Pressure = "none"


def judge(  # noqa: C901, PLR0911, PLR0912 -- one exhaustive table reads better than its pieces
    outcome: Outcome, took_s: float, slow_after_s: float, patient_s: float
) -> Verdict:
    """The verdict on a call that took `took_s` seconds, when `slow_after_s` is unreasonably long.

    A time-out before `patient_s` was the caller's short deadline, not the deployment's fault.
    """
    match outcome:
        case Completion(first_token_s=first_token_s):
            return Verdict("answered", Succeeded(first_token_s >= slow_after_s), Succeeded())
        case ContextTooLong():
            return Verdict("longer", Ignored(), Succeeded())
        case ContentFiltered():
            return Verdict("filtered", Ignored(), Succeeded())
        case Rejected():
            return Verdict("rejected", Ignored(), Succeeded())
        case BadCredentials() | UnknownModel():
            return Verdict("elsewhere", Tripped("misconfigured"), Succeeded())
        case QuotaExhausted(until_s=until_s):
            return Verdict("elsewhere", Tripped("quota", until_s), Succeeded())
        case RateLimited(wait_s=wait_s):
            return Verdict("again", Tripped("rate_limited", wait_s), Succeeded(), "drop")
        case RampTooFast(wait_s=None):
            return Verdict("again", Ignored(), Succeeded(), "drop")
        case RampTooFast(wait_s=wait_s):
            return Verdict("again", Tripped("rate_limited", wait_s), Succeeded(), "drop")
        case Overloaded(wait_s=wait_s):
            return Verdict("again", Ignored(), Tripped("overloaded", wait_s), "drop")
        case TimedOut() if took_s < patient_s:
            return Verdict("again", Ignored())
        case TimedOut():
            return Verdict("again", CallFailure(), pressure="drop")
        case ServerError() | Garbled() | CutStream():
            return Verdict("again", CallFailure(), Succeeded())
        case ConnectionLost():
            return Verdict("again", CallFailure())
        case _:
            assert_never(outcome)
