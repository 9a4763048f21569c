"""A request's money in one sentence: what it cost, instead of what, and which way it took."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from producers.contract import Attempt, CacheOutcome, MicroUsd

_MICRO_USD_OF_A_CENT: Final = 10_000
_ANSWERED: Final = "ok"
_FAILURES: Final[Mapping[str, str]] = {
    "BadCredentials": "refused credentials",
    "ConnectionLost": "a lost connection",
    "ContentFiltered": "a content filter",
    "ContextTooLong": "a prompt too long for it",
    "MalformedResponse": "an answer that couldn't be read",
    "Overloaded": "an overload",
    "QuotaExhausted": "a spent quota",
    "RampTooFast": "a rate limit",
    "RateLimited": "a rate limit",
    "RequestRejected": "a refusal",
    "ServerError": "a server error",
    "StreamTruncated": "a cut stream",
    "TimedOut": "a time-out",
    "UnknownModel": "a model it didn't know",
    "inadequate": "an answer that failed its checks",
    "overtaken": "a call that took too long",
}
"""What an attempt came to, as people say it; anything else is told by its name."""
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True, slots=True)
class PaidAnswer:
    """What the sentence about an answer is made of. Money: micro-dollars."""

    tier: str
    cost: MicroUsd | None
    baseline: MicroUsd | None
    expected: float | None
    """The share of good answers that the router expected of the tier."""
    cache: CacheOutcome
    attempts: Sequence[Attempt]
    expected_s: float | None = None
    """Seconds to the answer that the router expected; None: time played no part."""
    took_s: float | None = None
    """Seconds of the call that answered."""


def answer_in_words(paid: PaidAnswer) -> str:
    """Of an answer; holds no prompt and no answer.

    Such as `economy at 0.015 ct instead of 0.3 ct: 95% less, 97% expected to be good; cache asked
    first: miss; second call, after a rate limit`.
    """
    return "; ".join(_of_hit(paid) if paid.cache.result == "hit" else _of_call(paid))


def failure_in_words(code: str, cost: MicroUsd | None, attempts: Sequence[Attempt]) -> str:
    """Of a request without an answer, e.g. `overloaded after 2 calls; 0.02 ct paid in vain`."""
    calls = len(attempts)
    way = f" after {calls} call{'' if calls == 1 else 's'}" if calls else ", nothing was called"
    if cost is None:
        return f"{code}{way}; price unknown"
    return f"{code}{way}; {_ct(cost)} paid in vain" if cost else f"{code}{way}; nothing paid"


def _of_hit(paid: PaidAnswer) -> Iterator[str]:
    cache = paid.cache
    instead = "" if paid.baseline is None else f" instead of {_ct(paid.baseline)}"
    yield f"{paid.tier} from the cache: nothing paid{instead}"
    if cache.step is not None:
        sure = "" if cache.score is None else f", {cache.score:.0%} sure"
        yield f"{cache.step} match{sure}"


def _of_call(paid: PaidAnswer) -> Iterator[str]:
    likely = "" if paid.expected is None else f", {paid.expected:.0%} expected to be good"
    yield f"{paid.tier} {_compared(paid.cost, paid.baseline)}{likely}"
    asked = paid.cache.result != "bypass"
    yield f"cache asked first: {paid.cache.result}" if asked else "cache not asked"
    if len(paid.attempts) > 1:
        failed = [attempt.outcome for attempt in paid.attempts if attempt.outcome != _ANSWERED]
        yield f"{_ordinal(len(paid.attempts))} call, after {_listed(failed)}"
    if paid.expected_s is not None and paid.took_s is not None:
        yield f"expected in {_seconds(paid.expected_s)}, took {_seconds(paid.took_s)}"


def _compared(cost: MicroUsd | None, baseline: MicroUsd | None) -> str:
    if cost is None:
        return "at an unknown price"
    if not baseline:
        return f"at {_ct(cost)}"
    change = 1 - float(cost) / float(baseline)
    direction = "less" if change >= 0 else "more"
    return f"at {_ct(cost)} instead of {_ct(baseline)}: {abs(change):.0%} {direction}"


def _ct(micro_usd: Decimal) -> str:
    """Cents, to three digits that matter."""
    cents = float(micro_usd) / _MICRO_USD_OF_A_CENT
    return f"{cents:.3g} ct" if abs(cents) < 1000 else f"{cents:,.0f} ct"  # noqa: PLR2004 - ten dollars


def _seconds(duration: float) -> str:
    return f"{duration:.2g} s" if duration < 10 else f"{duration:.0f} s"  # noqa: PLR2004 - two digits


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"


def _listed(outcomes: Sequence[str]) -> str:
    words = list(dict.fromkeys(_FAILURES.get(outcome, outcome) for outcome in outcomes))
    return " and ".join(words) or "another"
