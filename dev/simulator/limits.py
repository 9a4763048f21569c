"""Rate limits: token buckets of requests and tokens for each key and model."""

from dataclasses import dataclass
from typing import TypeAlias

Account: TypeAlias = tuple[str, str]
"""A key and the model it is used for."""


@dataclass(slots=True)
class Bucket:
    """`limit` a minute; full at first."""

    limit: int
    left: float
    at: float

    def take(self, amount: float, now: float) -> bool:
        """Whether `amount` was there, and takes it."""
        self.left = min(self.limit, self.left + (now - self.at) * self.limit / 60)
        self.at = now
        if self.left < amount:
            return False
        self.left -= amount
        return True

    def seconds_until(self, amount: float) -> float:
        """Seconds until `amount` is there."""
        return max(0.0, (min(amount, self.limit) - self.left) * 60 / self.limit)


@dataclass(frozen=True, slots=True)
class Window:
    """One limit as headers tell it: of the account, left of it, seconds until it is full."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """wait_s: None when the call is let through, else seconds until it would be."""

    wait_s: float | None
    requests: Window | None
    tokens: Window | None


class Limits:
    """The buckets of every key and model."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, Account], Bucket] = {}

    def admit(
        self, account: Account, *, rpm: int | None, tpm: int | None, size: int, now: float
    ) -> Verdict:
        """Take one request and `size` tokens, or say how long to wait."""
        requests = self._bucket("requests", account, rpm, now)
        words = self._bucket("tokens", account, tpm, now)
        wait = None
        for bucket, amount in ((requests, 1), (words, size)):
            if wait is None and bucket is not None and not bucket.take(amount, now):
                wait = bucket.seconds_until(amount)
        return Verdict(wait, _window(requests), _window(words))

    def _bucket(self, what: str, account: Account, limit: int | None, now: float) -> Bucket | None:
        if limit is None:
            return None
        bucket = self._buckets.get((what, account))
        if bucket is None or bucket.limit != limit:
            bucket = self._buckets[what, account] = Bucket(limit, limit, now)
        return bucket


def _window(bucket: Bucket | None) -> Window | None:
    if bucket is None:
        return None
    return Window(bucket.limit, int(bucket.left), bucket.seconds_until(bucket.limit))
