"""Rate budget: token buckets of requests and tokens per minute, drawn from in leases.

The whole fleet draws from one bucket, a fraction of a second's worth at a time, so that most calls
need no round trip. The estimate is reserved and the real usage settled, so a level may go below
zero. What the provider says of the remainder can only lower it. `grant_lease` is mirrored by
`workers/health/lua/lease.lua`, and one contract test runs on both.
"""

import math
from dataclasses import dataclass
from typing import Final

from workers.providers.base.call_outcome import RateLimits, RateWindow

BURST_S: Final = 10.0
"""A bucket holds this many seconds of its rate: providers enforce minutes in shorter slices."""
LEASE_S: Final = 0.25
"""A lease is this many seconds of the rate: what one worker may hold back from the others."""


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
    """What is left in the two buckets; below zero when usage outran its estimate."""

    requests: float
    tokens: float
    at: float
    """Seconds, when that was so."""


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """What a worker needs for its next call, and what it returns of its last lease."""

    tokens: float
    """Of the next call; it is always one request."""
    returned_requests: float = 0
    returned_tokens: float = 0
    """Below zero when usage outran its estimate."""
    remaining_requests: float = math.inf
    """What the provider said is left, brought forward to now."""
    remaining_tokens: float = math.inf


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """What was leased, or nothing when there isn't enough."""

    requests: float
    tokens: float
    wait_s: float = 0
    """Above zero when nothing was leased: seconds until it is worth asking again."""


def full_buckets(quota: Quota, now: float) -> BucketLevel:
    """The buckets of a deployment that nobody has called lately."""
    return BucketLevel(_capacity(quota.rpm, 1), _capacity(quota.tpm, 1), now)


def grant_lease(
    level: BucketLevel, quota: Quota, request: LeaseRequest, now: float
) -> tuple[BucketLevel, LeaseGrant]:
    """The level after `request`, and what is granted: a lease, or nothing."""
    passed_s = max(0.0, now - level.at)  # a clock that steps back refills nothing
    # What comes back goes in before the cap: a bucket never holds more than its burst, however much
    # idle workers return at once.
    requests = _refilled(level.requests + request.returned_requests, quota.rpm, passed_s)
    tokens = _refilled(level.tokens + request.returned_tokens, quota.tpm, passed_s)
    # The provider counts callers that we don't know of, so its word lowers the level. It never
    # raises it: the word was true before calls that are in flight elsewhere.
    requests = min(requests, request.remaining_requests)
    tokens = min(tokens, request.remaining_tokens)
    # A call larger than its whole bucket would wait for ever: it passes when the bucket is full,
    # takes all its tokens and leaves a debt, which the calls after it wait for.
    needed = min(request.tokens, _capacity(quota.tpm, 1))
    wait_s = max(_until(requests, 1, quota.rpm), _until(tokens, needed, quota.tpm))
    if wait_s > 0:
        # Nothing is taken, not even of the dimension that had enough: what a refused worker held
        # back would be missing for a smaller call that could go.
        return BucketLevel(requests, tokens, now), LeaseGrant(0, 0, wait_s)
    leased = LeaseGrant(
        _leased(requests, quota.rpm, 1, whole=True), _leased(tokens, quota.tpm, request.tokens)
    )
    rest = BucketLevel(_less(requests, leased.requests), _less(tokens, leased.tokens), now)
    return rest, leased


def effective_quota(configured: Quota, learned: Quota, limits: RateLimits) -> Quota:
    """The quota after a response: the provider's word holds where it is less than the operator's.

    learned: what earlier responses said. A window that takes longer than a minute to fill is spread
    over its own length.
    """
    rpm = _per_minute(limits.requests) or learned.rpm
    tpm = _per_minute(limits.tokens) or learned.tpm
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


def _least(a: float | None, b: float | None) -> float | None:
    return b if a is None else a if b is None else min(a, b)


def _leased(amount: float, per_minute: float | None, least: float, *, whole: bool = False) -> float:
    """A lease's worth of the rate, as far as there is, but at least what is asked for."""
    if per_minute is None:
        return math.inf
    share = per_minute / 60 * LEASE_S
    return max(least, min(amount, math.floor(share) if whole else share))


def _less(amount: float, leased: float) -> float:
    # inf - inf would be nan
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
