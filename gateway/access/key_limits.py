"""Key limits: token buckets for requests and tokens per minute, and a count of what is under way.

Times are seconds of any monotonic clock. A bucket holds a minute's worth and refills steadily.
"""

import math
from dataclasses import dataclass
from typing import Final

from gateway.access.api_keys import Caller
from gateway.errors.api_error import ApiError
from runtime.config.sections.gateway import ApiKey

_MINUTE_S: Final = 60.0
_LONGEST_WAIT_S: Final = 60
"""OpenAI's SDK gives up where it is told to wait longer than two minutes."""


@dataclass(slots=True)
class TokenBucket:
    """What is left of a minute's grant. A level below 0 is a debt that time pays."""

    level: float
    at_s: float

    def refill(self, per_minute: int, now_s: float) -> None:
        """What has flowed in since the last look, up to a minute's grant."""
        flowed = (now_s - self.at_s) * per_minute / _MINUTE_S
        self.level = min(float(per_minute), self.level + max(0.0, flowed))
        self.at_s = max(self.at_s, now_s)

    def wait_s(self, amount: float, per_minute: int) -> float:
        """Seconds until `amount` may be taken; 0 now. More than a minute's grant waits for all."""
        missing = min(amount, float(per_minute)) - self.level
        return max(0.0, missing * _MINUTE_S / per_minute)


@dataclass(slots=True)
class KeyUsage:
    """What one key has used lately in this process."""

    requests: TokenBucket
    tokens: TokenBucket
    under_way: int = 0


class KeyLimits:
    """The usage of every key that was seen."""

    def __init__(self) -> None:
        self._usage: dict[str, KeyUsage] = {}

    def admit(self, caller: Caller, tokens: int, now_s: float) -> ApiError | None:
        """Why a request of about `tokens` may not begin now; else it counts as begun."""
        key = caller.key
        if key is None:
            return None
        usage = self._of(caller.name, key, now_s)
        if key.concurrency is not None and usage.under_way >= key.concurrency:
            return limit_reached(key, "concurrency", 1.0)
        for bucket, per_minute, amount, unit in (
            (usage.requests, key.rpm, 1, "requests"),
            (usage.tokens, key.tpm, tokens, "tokens"),
        ):
            if per_minute is not None:
                bucket.refill(per_minute, now_s)
                wait_s = bucket.wait_s(amount, per_minute)
                if wait_s > 0:
                    return limit_reached(key, unit, wait_s)
        usage.requests.level -= 1 if key.rpm is not None else 0
        usage.tokens.level -= tokens if key.tpm is not None else 0
        usage.under_way += 1
        return None

    def release(self, caller: Caller, estimated: int, used: int | None) -> None:
        """The request is over. used: the tokens billed; None leaves the estimate."""
        usage = self._usage.get(caller.name)
        if usage is not None and caller.key is not None:
            usage.under_way -= 1
            if caller.key.tpm is not None and used is not None:
                usage.tokens.level -= used - estimated

    def _of(self, name: str, key: ApiKey, now_s: float) -> KeyUsage:
        usage = self._usage.get(name)
        if usage is None:
            requests = TokenBucket(float(key.rpm or 0), now_s)
            tokens = TokenBucket(float(key.tpm or 0), now_s)
            usage = self._usage[name] = KeyUsage(requests, tokens)
        return usage


def limit_reached(key: ApiKey, unit: str, wait_s: float) -> ApiError:
    """What the caller is told. unit: `concurrency`, `requests` or `tokens`."""
    most = {"concurrency": key.concurrency, "requests": key.rpm, "tokens": key.tpm}[unit]
    words = f"this API key has used its {most} {unit}/min"
    if unit == "concurrency":
        words = f"this API key has {most} requests under way, its limit"
    seconds = min(_LONGEST_WAIT_S, max(1, math.ceil(wait_s)))
    return ApiError(
        "rate_limited",
        "rate_limit_exceeded",
        f"{words}: try again in {seconds}s",
        retry_after_s=seconds,
    )
