"""How much may be sent to a deployment now: per minute, at once, and when is a call overdue?

Rules: a rate budget is a token bucket that the whole fleet draws from in leases, so that most calls
need no round trip; reserve the estimate, settle with the real usage, so a level may go below zero;
what the provider says of the remainder can only lower it. `grant` is mirrored by the Lua script of
`fleet_state`, and one contract test runs on both. The concurrency limit is Gradient2 of Netflix's
concurrency-limits on the time to the first token, with a multiplicative cut on a drop.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from workers.providers.base.call_outcome import RateLimits, RateWindow

BURST_S: Final = 10.0
"""A bucket holds this many seconds of its rate: providers enforce minutes in shorter slices."""
LEASE_S: Final = 0.25
"""A lease is this many seconds of the rate: what one worker may hold back from the others."""

# --------------------------------------------------------------------- requests, tokens a minute


@dataclass(frozen=True, slots=True)
class Quota:
    """Requests and tokens per minute of a deployment; None = no limit known."""

    rpm: float | None = None
    tpm: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is anything to keep."""
        return self.rpm is not None or self.tpm is not None


@dataclass(frozen=True, slots=True)
class BucketLevel:
    """What is left in the two buckets at `at`; below zero when usage outran its estimate."""

    requests: float
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a worker needs for its next call, and what it gives back of its last lease.

    left_requests, left_tokens: what the provider said is left, brought forward to now.
    """

    tokens: float
    back_requests: float = 0
    back_tokens: float = 0
    left_requests: float = math.inf
    left_tokens: float = math.inf


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """What was leased; nothing, and `wait_s` until it is worth asking again, when not enough."""

    requests: float
    tokens: float
    wait_s: float = 0


def full_buckets(quota: Quota, now: float) -> BucketLevel:
    """The buckets of a deployment that nobody has called lately."""
    return BucketLevel(_capacity(quota.rpm, 1), _capacity(quota.tpm, 1), now)


def grant_lease(
    level: BucketLevel, quota: Quota, ask: LeaseRequest, now: float
) -> tuple[BucketLevel, LeaseGrant]:
    """The level after `ask`, and what is granted: a lease, or nothing.

    A call larger than its whole bucket passes when the bucket is full, and leaves it in debt.
    """
    passed_s = max(0.0, now - level.at)
    requests = _refilled(level.requests + ask.back_requests, quota.rpm, passed_s)
    tokens = _refilled(level.tokens + ask.back_tokens, quota.tpm, passed_s)
    requests, tokens = min(requests, ask.left_requests), min(tokens, ask.left_tokens)
    needed = min(ask.tokens, _capacity(quota.tpm, 1))
    wait_s = max(_until(requests, 1, quota.rpm), _until(tokens, needed, quota.tpm))
    if wait_s > 0:
        return BucketLevel(requests, tokens, now), LeaseGrant(0, 0, wait_s)
    leased = LeaseGrant(
        _leased(requests, quota.rpm, 1, whole=True), _leased(tokens, quota.tpm, ask.tokens)
    )
    left = BucketLevel(_less(requests, leased.requests), _less(tokens, leased.tokens), now)
    return left, leased


def effective_quota(configured: Quota, seen: Quota, limits: RateLimits) -> Quota:
    """The quota after a response: the provider's word holds where it is less than the operator's.

    A window that takes longer than a minute to fill is spread over its own length.
    """
    rpm = _per_minute(limits.requests) or seen.rpm
    tpm = _per_minute(limits.tokens) or seen.tpm
    return Quota(_least(configured.rpm, rpm), _least(configured.tpm, tpm))


def brought_forward(remaining: float, per_minute: float | None, age_s: float) -> float:
    """What is left `age_s` after the provider said `remaining`."""
    return math.inf if per_minute is None else remaining + per_minute / 60 * age_s


def _per_minute(window: RateWindow) -> float | None:
    if window.limit is None:
        return None
    if window.reset_s is not None and window.reset_s > 60 and window.remaining is not None:  # noqa: PLR2004
        return 60 * max(1, window.remaining) / window.reset_s
    return window.limit


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _leased(amount: float, per_minute: float | None, least: float, *, whole: bool = False) -> float:
    """A lease's worth of the rate, as far as there is, but at least what is asked for."""
    if per_minute is None:
        return math.inf
    share = per_minute / 60 * LEASE_S
    return max(least, min(amount, math.floor(share) if whole else share))


def _less(amount: float, leased: float) -> float:
    return amount if math.isinf(amount) else amount - leased


def _capacity(per_minute: float | None, least: float) -> float:
    return math.inf if per_minute is None else max(least, per_minute / 60 * BURST_S)


def _refilled(amount: float, per_minute: float | None, passed_s: float) -> float:
    if per_minute is None:
        return math.inf
    return min(_capacity(per_minute, 1), amount + per_minute / 60 * passed_s)


def _until(amount: float, needed: float, per_minute: float | None) -> float:
    """Seconds until `amount` has grown to `needed`."""
    return 0.0 if per_minute is None else max(0.0, (needed - amount) / (per_minute / 60))


# ------------------------------------------------------------------------------------ calls at once


@dataclass(frozen=True, slots=True)
class ConcurrencyRules:
    """Bounds of the limit; tolerance: how many times slower than usual is still no queue."""

    most: float = 256
    least: float = 1
    restart: float = 8
    tolerance: float = 2.0
    cut: float = 0.7
    smoothing: float = 0.2


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many calls one worker may have in flight at a deployment.

    usual_s, recent_s: slow and fast moving averages of the time to the first token; cut_at: when a
    drop last lowered the limit (calls of the same burst count once).
    """

    limit: float
    usual_s: float = 0
    recent_s: float = 0
    cut_at: float = -math.inf


def limit_after_answer(
    c: Concurrency, first_token_s: float, in_flight: int, r: ConcurrencyRules
) -> Concurrency:
    """The limit after a call that was answered while `in_flight` calls were out."""
    usual_s = _average(c.usual_s, first_token_s, 1 / 200)
    recent_s = _average(c.recent_s, first_token_s, 1 / 10)
    seen = replace(c, usual_s=usual_s, recent_s=recent_s)
    gradient = max(0.5, min(1.0, r.tolerance * usual_s / recent_s)) if recent_s > 0 else 1.0
    if gradient == 1.0 and in_flight < c.limit / 2:
        return seen
    aimed = c.limit * gradient + math.sqrt(c.limit)
    limit = c.limit + r.smoothing * (aimed - c.limit)
    return replace(seen, limit=max(r.least, min(r.most, limit)))


def limit_after_drop(c: Concurrency, now: float, r: ConcurrencyRules) -> Concurrency:
    """The limit after a call that the deployment didn't take or didn't finish."""
    if now - c.cut_at < max(1.0, c.recent_s):
        return c
    return replace(c, limit=max(r.least, c.limit * r.cut), cut_at=now)


def limit_after_recovery(c: Concurrency, r: ConcurrencyRules) -> Concurrency:
    """The limit with which a recovered deployment starts: it grows with every answer."""
    return Concurrency(min(c.limit, r.restart))


def _average(old: float, new: float, weight: float) -> float:
    return new if old == 0 else old + weight * (new - old)


# ------------------------------------------------------------------------------- when it is overdue

_ENOUGH_SAMPLES: Final = 20
_QUANTILE: Final = 0.95
_STEP: Final = 0.08


@dataclass(frozen=True, slots=True)
class LatencyQuantile:
    """A running estimate of the 95th percentile of the time to the first token.

    Stochastic approximation in the logarithm: it rises by 19 parts when a sample is above and falls
    by one when below, so it settles where one in twenty is above.
    """

    seconds: float = 0
    samples: int = 0

    @property
    def known_s(self) -> float | None:
        """The estimate, once it rests on enough samples."""
        return self.seconds if self.samples >= _ENOUGH_SAMPLES else None


def quantile_after(t: LatencyQuantile, first_token_s: float) -> LatencyQuantile:
    """The estimate after one more sample; starts above the first ones."""
    if t.samples < _ENOUGH_SAMPLES:
        return LatencyQuantile(max(t.seconds, first_token_s, 1e-3), t.samples + 1)
    step = _STEP * (_QUANTILE if first_token_s > t.seconds else _QUANTILE - 1)
    return LatencyQuantile(t.seconds * math.exp(step), t.samples + 1)
