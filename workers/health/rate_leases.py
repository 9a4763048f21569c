"""Rate leases: this worker's shares of the deployments' rate budgets.

A share is leased from the fleet's bucket (or from this process's own, when Redis is away), spent
without a round trip, and expires, so that an idle worker holds nothing back for long.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from workers.health.breaker_registry import Clock
from workers.health.limits.rate_budget import (
    BucketLevel,
    LeaseGrant,
    LeaseRequest,
    Quota,
    brought_forward,
    effective_quota,
    full_buckets,
    grant_lease,
)
from workers.providers.base.call_outcome import RateLimits

FleetBucket: TypeAlias = Callable[[str, Quota, LeaseRequest], Awaitable[LeaseGrant | None]]
"""Leases from the fleet's bucket of a key; None when it can't be reached."""
_LEASE_LASTS_S: Final = 1.0


@dataclass(slots=True)
class _Account:
    """One deployment: its limits, and what this worker holds of its budget."""

    configured: Quota
    quota: Quota
    """What holds now: configured, or lowered by the provider's word."""
    requests: float = 0
    """Left of the lease; below zero when usage outran its estimate."""
    tokens: float = 0
    lease_ends: float = 0
    exhausted_until: float = 0
    """The bucket had too little: when it is worth asking again."""
    remaining: tuple[float, float, float] = (math.inf, math.inf, 0)
    """The least requests and tokens left, as the provider said since the last lease; and when."""
    local: BucketLevel | None = None
    """The bucket of this process, for when the fleet's is away."""
    refill: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spend(self, tokens: float, now: float) -> bool:
        if now >= self.lease_ends or self.requests < 1 or self.tokens < tokens:
            return False
        self.requests -= 1
        self.tokens -= tokens
        return True

    def lease_request(self, tokens: float, now: float) -> LeaseRequest:
        # All that is left of the old lease goes back, an expired one's too: it was taken out of the
        # bucket, and no other worker can spend it. A debt goes back as well, which is how usage
        # beyond its estimate reaches the fleet. An unlimited dimension has nothing to return, and
        # infinity would fill the bucket once a limit becomes known.
        requests, left_tokens = (
            0 if math.isinf(amount) else amount for amount in (self.requests, self.tokens)
        )
        # The provider's word is old by the time it is used: it is brought forward by the rate, so
        # that a remainder of 0 from a minute ago doesn't stop a full bucket.
        remaining_requests, remaining_tokens, said_at = self.remaining
        age_s = now - said_at
        return LeaseRequest(
            tokens=tokens,
            returned_requests=requests,
            returned_tokens=left_tokens,
            remaining_requests=brought_forward(remaining_requests, self.quota.rpm, age_s),
            remaining_tokens=brought_forward(remaining_tokens, self.quota.tpm, age_s),
        )

    def accept(self, grant: LeaseGrant, now: float) -> None:
        self.requests, self.tokens = grant.requests, grant.tokens
        self.lease_ends = now + _LEASE_LASTS_S
        self.exhausted_until = now + grant.wait_s if grant.wait_s > 0 else 0
        # the bucket has heard the provider's word: said twice, it would hold back what was granted
        self.remaining = (math.inf, math.inf, now)


class RateLeases:
    """The rate budgets of all deployments, as this worker may use them."""

    def __init__(self, clock: Clock, lease: FleetBucket | None = None) -> None:
        self._clock = clock
        self._lease = lease
        self._accounts: dict[str, _Account] = {}
        self.exhausted: Final[set[str]] = set()
        """The deployments whose bucket had too little when it was asked last."""
        self.fleet_size = 1
        """How many workers share a budget while the fleet's bucket can't be reached."""

    def configure(self, key: str, configured: Quota) -> None:
        """The limits by configuration; what was learned is kept while they stay the same."""
        account = self._accounts.get(key)
        if account is None or account.configured != configured:
            self._accounts[key] = _Account(configured, configured)
            self.exhausted.discard(key)

    def quota(self, key: str) -> Quota:
        """The limits that hold now: configured, or told by the provider."""
        return self._accounts[key].quota

    def exhausted_until(self, key: str, tokens: float) -> float | None:
        """When to ask again, if the budget is known to have no room for `tokens` now."""
        account, now = self._accounts[key], self._clock()
        if account.exhausted_until <= now:
            return None
        # one large call was refused: what is left of the lease may still do for a smaller one
        fits = now < account.lease_ends and account.requests >= 1 and account.tokens >= tokens
        return None if fits else account.exhausted_until

    async def reserve(self, key: str, tokens: float) -> float | None:
        """Reserve one request of `tokens` tokens: None, or when to ask again."""
        account = self._accounts[key]
        if not account.quota.known or account.spend(tokens, self._clock()):
            return None
        # One call asks for all that wait: whoever gets the lock next spends what it got, or learns
        # from it that there is nothing.
        async with account.refill:
            if account.spend(tokens, self._clock()):
                return None
            if account.exhausted_until <= self._clock():
                await self._refill(key, account, tokens)
            return None if account.spend(tokens, self._clock()) else account.exhausted_until

    def settle_reservation(
        self, key: str, reserved: float, used: float, limits: RateLimits
    ) -> None:
        """The call used `used` tokens (0: it never got there) and the response said `limits`."""
        account = self._accounts[key]
        account.tokens += reserved - used
        account.quota = effective_quota(account.configured, account.quota, limits)
        remaining = limits.requests.remaining, limits.tokens.remaining
        if remaining != (None, None):
            requests, left_tokens = (math.inf if amount is None else amount for amount in remaining)
            account.remaining = (
                min(account.remaining[0], requests),
                min(account.remaining[1], left_tokens),
                self._clock(),
            )

    def cancel_reservation(self, key: str, tokens: float) -> None:
        """The reserved call was never made."""
        account = self._accounts[key]
        account.requests += 1
        account.tokens += tokens

    async def _refill(self, key: str, account: _Account, tokens: float) -> None:
        request = account.lease_request(tokens, self._clock())
        grant = None if self._lease is None else await self._lease(key, account.quota, request)
        if grant is None:
            grant = self._lease_locally(account, request)
        account.accept(grant, self._clock())
        if account.exhausted_until:
            self.exhausted.add(key)
        else:
            self.exhausted.discard(key)

    def _lease_locally(self, account: _Account, request: LeaseRequest) -> LeaseGrant:
        """From a bucket of this process: its share of the whole, as large as the fleet last was."""
        now, size = self._clock(), self.fleet_size
        limits = (account.quota.rpm, account.quota.tpm)
        quota = Quota(*(None if limit is None else limit / size for limit in limits))
        level = account.local or full_buckets(quota, now)
        account.local, grant = grant_lease(level, quota, request, now)
        return grant
