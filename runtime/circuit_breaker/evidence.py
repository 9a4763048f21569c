"""Failure evidence: the bad calls of a closed breaker, and whether it is one tenant's word alone.

A provider's error may be the doing of the request that got it. So what one tenant's calls say opens
a breaker to that tenant; to all it is opened by the calls of two, or by what no request can cause.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from runtime.circuit_breaker.rules import (
    BreakerRules,
    CallFailure,
    CallOrigin,
    FailureRatios,
    Reason,
    Succeeded,
    Tripped,
)

_BUCKETS: Final = 10
_MOST_TENANTS: Final = 8
"""Of a bucket: beyond that, bad calls are blamed on nobody."""
_MOST_REPEATS: Final = 8
_CORROBORATED: Final = 2
"""So many bad calls besides one tenant's are more than chance."""
_Blame: TypeAlias = tuple[tuple[str, int, int], ...]
"""Tenant, failures, slow calls."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in one tenth of the window."""

    index: int
    """Its number since the clock's zero."""
    calls: int = 0
    failures: int = 0
    slow: int = 0
    blamed: _Blame = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of the calls since the breaker was closed."""

    streak: tuple[str | None, ...] = ()
    """Whose the bad calls since the last good one were; None: nobody's doing."""
    failed: tuple[CallOrigin, ...] = ()
    """The latest requests that failed, to know one that is sent again."""
    window: tuple[Bucket, ...] = ()
    """Oldest bucket first."""


def evidence_after(
    before: Evidence, signal: Succeeded | CallFailure, now: float, rules: BreakerRules
) -> Evidence:
    """With one more call; the same object when it says nothing new."""
    ratios, origin = rules.ratios, signal.origin
    failed = isinstance(signal, CallFailure)
    slow = isinstance(signal, Succeeded) and signal.slow
    bucket = 0 if ratios is None else int(now // (ratios.window_s / _BUCKETS))
    if failed and _is_repeat(before, origin, bucket):
        return before
    window = before.window
    if ratios is not None:
        window = _slide(window, Bucket(bucket, 1, int(failed), int(slow), _blame(signal)))
    if not (failed or slow):
        if ratios is None and not before.streak:  # as with nearly every call
            return before
        return Evidence(failed=before.failed, window=window)
    known = before.failed
    if failed and origin is not None and origin.request is not None:
        known = (*known[1 - _MOST_REPEATS :], origin)
    tenant = None if origin is None else origin.tenant
    return Evidence((*before.streak, tenant), known, window)


def why_open(
    evidence: Evidence, signal: Succeeded | CallFailure, rules: BreakerRules
) -> Tripped | None:
    """Whether that is enough to open it, and to whom. signal: the latest."""
    streak = evidence.streak
    if len(streak) >= rules.consecutive:
        reason: Reason = "failures" if isinstance(signal, CallFailure) else "slow"
        tenant, own = _worst((tenant, 1) for tenant in streak if tenant is not None)
        return Tripped(reason, tenant=tenant if len(streak) - own < _CORROBORATED else None)
    return None if rules.ratios is None else _by_share(evidence.window, rules.ratios)


def _is_repeat(evidence: Evidence, origin: CallOrigin | None, bucket: int) -> bool:
    """Whether the same request has failed before, while others were answered.

    When nothing is answered, a repetition is all that there may be to notice an outage by.
    """
    if origin is None or origin.request is None or origin not in evidence.failed:
        return False
    return any(
        each.calls > each.failures + each.slow
        for each in evidence.window
        if each.index > bucket - _BUCKETS
    )


def _blame(signal: Succeeded | CallFailure) -> _Blame:
    match signal:
        case CallFailure(origin=CallOrigin(tenant=tenant)):
            return ((tenant, 1, 0),)
        case Succeeded(slow=True, origin=CallOrigin(tenant=tenant)):
            return ((tenant, 0, 1),)
        case _:
            return ()


def _slide(window: tuple[Bucket, ...], call: Bucket) -> tuple[Bucket, ...]:
    """The window with one more call; a clock that steps back adds to the last bucket."""
    last = window[-1] if window else Bucket(call.index)
    if last.index < call.index:
        kept = (bucket for bucket in window if bucket.index > call.index - _BUCKETS)
        window = (*kept, Bucket(call.index))
        last = window[-1]
    blamed = last.blamed if not call.blamed else _added(last.blamed, call.blamed)
    grown = Bucket(
        last.index,
        last.calls + 1,
        last.failures + call.failures,
        last.slow + call.slow,
        blamed[:_MOST_TENANTS],
    )
    return (*window[:-1], grown)


def _added(blamed: _Blame, more: _Blame) -> _Blame:
    sums = {tenant: (failures, slow) for tenant, failures, slow in blamed}
    for tenant, failures, slow in more:
        before = sums.get(tenant, (0, 0))
        sums[tenant] = (before[0] + failures, before[1] + slow)
    return tuple((tenant, failures, slow) for tenant, (failures, slow) in sums.items())


def _by_share(window: tuple[Bucket, ...], ratios: FailureRatios) -> Tripped | None:
    calls = failures = slow = 0
    for bucket in window:
        calls += bucket.calls
        failures += bucket.failures
        slow += bucket.slow
    if calls < ratios.min_calls:
        return None
    if failures >= ratios.failed * calls:
        worst = _worst((tenant, failed) for b in window for tenant, failed, _ in b.blamed)
        return Tripped("failures", tenant=_sole(worst, failures, calls, ratios.failed))
    if slow >= ratios.slow * calls:
        worst = _worst((tenant, late) for b in window for tenant, _, late in b.blamed)
        return Tripped("slow", tenant=_sole(worst, slow, calls, ratios.slow))
    return None


def _worst(counts: Iterable[tuple[str, int]]) -> tuple[str | None, int]:
    """The tenant with the most bad calls, and how many those are."""
    sums: dict[str, int] = {}
    for tenant, count in counts:
        sums[tenant] = sums.get(tenant, 0) + count
    worst = max(sums, key=sums.__getitem__, default=None)
    return (None, 0) if worst is None else (worst, sums[worst])


def _sole(worst: tuple[str | None, int], bad: int, calls: int, share: float) -> str | None:
    """The tenant whose doing it is: most of the bad calls, without which it would stay closed."""
    tenant, own = worst
    rest = bad - own
    of_others = rest >= min(own, share * (calls - own))
    return None if rest >= _CORROBORATED and of_others else tenant
