"""Adaptive concurrency limit: how many calls may one worker have in flight at a deployment?

Gradient2 of Netflix's concurrency-limits on the time to the first token, with a multiplicative cut
on a drop.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

_USUAL_WEIGHT: Final = 1 / 200
_RECENT_WEIGHT: Final = 1 / 10


@dataclass(frozen=True, slots=True)
class ConcurrencyRules:
    """Bounds of the limit (calls in flight), and how fast it moves."""

    most: float = 256
    least: float = 1
    restart: float = 8
    """After an outage."""
    tolerance: float = 2.0
    """How many times slower than usual is still no queue."""
    cut: float = 0.7
    """What is left of the limit after a drop."""
    smoothing: float = 0.2
    """The share of the way to the aimed limit that one answer goes."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many calls one worker may have in flight at a deployment."""

    limit: float
    usual_s: float = 0
    """Slow moving average of the time to the first token; 0 before the first."""
    recent_s: float = 0
    """Fast moving average of the same."""
    cut_at: float = -math.inf
    """Seconds, when a drop last lowered the limit."""


def limit_after_answer(
    c: Concurrency, first_token_s: float, in_flight: int, r: ConcurrencyRules
) -> Concurrency:
    """The limit after a call that was answered while `in_flight` calls were out."""
    usual_s = _average(c.usual_s, first_token_s, _USUAL_WEIGHT)
    recent_s = _average(c.recent_s, first_token_s, _RECENT_WEIGHT)
    averaged = replace(c, usual_s=usual_s, recent_s=recent_s)
    # The gradient is 1 while answers come about as fast as usual, and falls as a queue builds up at
    # the deployment; bounded, so that one slow minute halves the aim at most.
    gradient = max(0.5, min(1.0, r.tolerance * usual_s / recent_s)) if recent_s > 0 else 1.0
    # A limit that isn't used says nothing about what the deployment can take: growing it then would
    # let the first burst through unbounded.
    if gradient == 1.0 and in_flight < c.limit / 2:
        return averaged
    # The square root is the queue that is always allowed: without it the limit could only shrink,
    # and a limit of few calls would never probe for more.
    aimed = c.limit * gradient + math.sqrt(c.limit)
    limit = c.limit + r.smoothing * (aimed - c.limit)
    return replace(averaged, limit=max(r.least, min(r.most, limit)))


def limit_after_drop(c: Concurrency, now: float, r: ConcurrencyRules) -> Concurrency:
    """The limit after a call that the deployment didn't take or didn't finish."""
    # The calls of one burst are dropped together and say the same thing once: until the calls that
    # were sent under the new limit can have ended, a further drop is still the old limit's.
    if now - c.cut_at < max(1.0, c.recent_s):
        return c
    return replace(c, limit=max(r.least, c.limit * r.cut), cut_at=now)


def limit_after_recovery(c: Concurrency, r: ConcurrencyRules) -> Concurrency:
    """The limit with which a recovered deployment starts: it grows with every answer."""
    return Concurrency(min(c.limit, r.restart))


def _average(old: float, new: float, weight: float) -> float:
    return new if old == 0 else old + weight * (new - old)
