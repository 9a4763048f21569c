"""Outcome policy: what the end of a call says of its deployment, its provider and its request.

Every kind of outcome is judged here and nowhere else.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, assert_never

from runtime.circuit_breaker.rules import (
    BreakerSignal,
    CallFailure,
    CallOrigin,
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
_WELL: Final = Succeeded()


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
    outcome: CallOutcome,
    took_s: float,
    slow_after_s: float,
    fair_wait_s: float,
    origin: CallOrigin | None = None,
) -> OutcomeVerdict:
    """The verdict on a call that took `took_s` seconds, when `slow_after_s` is unreasonably long.

    A time-out before `fair_wait_s` was the caller's short deadline, not the deployment's fault.
    origin: whose call it was. What the request itself may have caused is said with it. No request
    causes that a connection can't be made, a key is unknown, or an account is at its limit.
    """
    match outcome:
        case Completion(first_token_s=first_token_s):
            slow = first_token_s >= slow_after_s
            signal = Succeeded(slow, origin) if slow else _well(origin)
            return OutcomeVerdict("answered", signal, _well(origin))
        case ContextTooLong():
            return OutcomeVerdict("longer", Ignored(), _well(origin))
        case ContentFiltered():
            return OutcomeVerdict("filtered", Ignored(), _well(origin))
        # nothing was sent: no word for or against anybody
        case RequestRejected(unsent=True):
            return OutcomeVerdict("unsupported", Ignored())
        case RequestRejected(translated=translated):
            return OutcomeVerdict(
                "translation" if translated else "rejected", Ignored(), _well(origin)
            )
        case BadCredentials(status=None | 401):
            return OutcomeVerdict("elsewhere", Tripped("misconfigured"), _well(origin))
        # a provider says the same of what a request refers to
        case BadCredentials() | UnknownModel():
            return OutcomeVerdict(
                "elsewhere", Tripped("misconfigured", tenant=_tenant(origin)), _well(origin)
            )
        case QuotaExhausted(until_s=until_s):
            return OutcomeVerdict("elsewhere", Tripped("quota", until_s), _well(origin))
        case RampTooFast(wait_s=None):
            return OutcomeVerdict("again", Ignored(), _well(origin), "drop")
        # a limit is the account's at one deployment: the provider itself is well, and says so
        case RateLimited(wait_s=wait_s) | RampTooFast(wait_s=wait_s):
            return OutcomeVerdict("again", Tripped("rate_limited", wait_s), _well(origin), "drop")
        # whoever is overloaded is it for all: the provider's breaker opens, in one region
        case Overloaded(wait_s=wait_s):
            return OutcomeVerdict(
                "again", Ignored(), Tripped("overloaded", wait_s, _tenant(origin)), "drop"
            )
        case TimedOut() if took_s < fair_wait_s:
            return OutcomeVerdict("again", Ignored())
        case TimedOut():
            return OutcomeVerdict("again", CallFailure(origin), load="drop")
        # one tenant's requests for more than we read must close nothing to the others
        case MalformedResponse(too_large=True):
            return OutcomeVerdict("again", Ignored(), _well(origin))
        case ServerError() | MalformedResponse() | StreamTruncated():
            return OutcomeVerdict("again", CallFailure(origin), _well(origin))
        case ConnectionLost(connected=False):
            return OutcomeVerdict("again", CallFailure())
        # a lost connection may be the way there: no word for or against the provider
        case ConnectionLost():
            return OutcomeVerdict("again", CallFailure(origin))
        case _:
            assert_never(outcome)


def _well(origin: CallOrigin | None) -> Succeeded:
    return _WELL if origin is None else Succeeded(origin=origin)


def _tenant(origin: CallOrigin | None) -> str | None:
    return None if origin is None else origin.tenant
