"""Does this worker hold a share of a deployment's rate budget, and where does it get more?

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

Lease: TypeAlias = Callable[[str, Quota, LeaseRequest], Awaitable[LeaseGrant | None]]
"""The fleet's bucket of a key; None when it can't be reached."""
_LEASE_LASTS_S: Final = 1.0


@dataclass(slots=True)
class _Account:
    """One deployment: its limits, this worker's share, the lowest remainder told, and when."""

    configured: Quota
    quota: Quota
    requests: float = 0
    tokens: float = 0
    lease_ends: float = 0
    shut_until: float = 0
    left: tuple[float, float, float] = (math.inf, math.inf, 0)
    own: BucketLevel | None = None
    refill: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spend(self, tokens: float, now: float) -> bool:
        if now >= self.lease_ends or self.requests < 1 or self.tokens < tokens:
            return False
        self.requests -= 1
        self.tokens -= tokens
        return True

    def ask(self, tokens: float, now: float) -> LeaseRequest:
        remaining_requests, remaining_tokens, told_at = self.left
        unspent = (self.requests, self.tokens)
        returned_requests, returned_tokens = (
            0 if math.isinf(amount) else amount for amount in unspent
        )
        age_s = now - told_at
        return LeaseRequest(
            tokens=tokens,
            returned_requests=returned_requests,
            returned_tokens=returned_tokens,
            remaining_requests=brought_forward(remaining_requests, self.quota.rpm, age_s),
            remaining_tokens=brought_forward(remaining_tokens, self.quota.tpm, age_s),
        )

    def hold(self, granted: LeaseGrant, now: float) -> None:
        self.requests, self.tokens = granted.requests, granted.tokens
        self.lease_ends = now + _LEASE_LASTS_S
        self.shut_until = now + granted.wait_s if granted.wait_s > 0 else 0
        self.left = (math.inf, math.inf, now)


class RateLeases:
    """The rate budgets of all deployments, as this worker may use them.

    fleet_size: how many workers share a budget while the fleet's bucket can't be reached.
    """

    def __init__(self, clock: Clock, lease: Lease | None = None) -> None:
        self._clock = clock
        self._lease = lease
        self._accounts: dict[str, _Account] = {}
        self.fleet_size = 1

    def configure(self, key: str, configured: Quota) -> None:
        """The limits by configuration; what was learned is kept while they stay the same."""
        known = self._accounts.get(key)
        if known is None or known.configured != configured:
            self._accounts[key] = _Account(configured, configured)

    def quota(self, key: str) -> Quota:
        """The limits that hold now: configured, or told by the provider."""
        return self._accounts[key].quota

    def exhausted_until(self, key: str, tokens: float) -> float | None:
        """When to ask again, if the budget is known to have no room for `tokens` now."""
        account, now = self._accounts[key], self._clock()
        if account.shut_until <= now:
            return None
        roomy = now < account.lease_ends and account.requests >= 1 and account.tokens >= tokens
        return None if roomy else account.shut_until

    async def reserve(self, key: str, tokens: float) -> float | None:
        """Reserve one request of `tokens` tokens: None, or when to ask again."""
        account = self._accounts[key]
        if not account.quota.known or account.spend(tokens, self._clock()):
            return None
        async with account.refill:
            if account.spend(tokens, self._clock()):
                return None
            if account.shut_until <= self._clock():
                await self._refill(key, account, tokens)
            return None if account.spend(tokens, self._clock()) else account.shut_until

    def settle_reservation(
        self, key: str, reserved: float, used: float, limits: RateLimits
    ) -> None:
        """The call used `used` tokens (0: it never got there) and the response told `limits`."""
        account = self._accounts[key]
        account.tokens += reserved - used
        account.quota = effective_quota(account.configured, account.quota, limits)
        told = limits.requests.remaining, limits.tokens.remaining
        if told != (None, None):
            requests, tokens = (math.inf if one is None else one for one in told)
            account.left = (
                min(account.left[0], requests),
                min(account.left[1], tokens),
                self._clock(),
            )

    def cancel_reservation(self, key: str, tokens: float) -> None:
        """The reserved call was never made."""
        account = self._accounts[key]
        account.requests += 1
        account.tokens += tokens

    async def _refill(self, key: str, account: _Account, tokens: float) -> None:
        ask = account.ask(tokens, self._clock())
        granted = None if self._lease is None else await self._lease(key, account.quota, ask)
        if granted is None:
            granted = self._own(account, ask)
        account.hold(granted, self._clock())

    def _own(self, account: _Account, ask: LeaseRequest) -> LeaseGrant:
        """From a bucket of this process: its share of the whole, as large as the fleet last was."""
        now, share = self._clock(), self.fleet_size
        quota = Quota(
            *(None if q is None else q / share for q in (account.quota.rpm, account.quota.tpm))
        )
        account.own, granted = grant_lease(account.own or full_buckets(quota, now), quota, ask, now)
        return granted
