"""`python -m bench.prompt_cache_case`: what does a repeated system prompt cost, cached and not?

The case: 1,800 tokens of instructions before each of 500,000 requests a month, at $3 per million
input tokens. The cached figures come from replaying a month of arrivals through the decision of
`workers/prompt_cache/policy.py`: a hit renews the entry, a gap longer than its lifetime pays a
write.
"""

import argparse
import random
from collections.abc import Iterator
from decimal import Decimal

from observability.pricing.prices import TokenRates
from workers.calling.prefix_counts import LocalCounts
from workers.prompt_cache.policy import (
    TTL_SECONDS,
    Breakpoints,
    Prefix,
    Prefixes,
    decide_cache_plan,
)

RATES = TokenRates(Decimal(3), Decimal("0.3"), Decimal("3.75"), Decimal(6), Decimal(15))
MONTH_S = 30 * 86_400
OFFICE = range(8, 18)


def arrivals(requests: int, seed: int, *, office_hours: bool) -> Iterator[float]:
    """Seconds of the month at which requests come: at random, round the clock or in the day."""
    chance = random.Random(seed)
    open_s = MONTH_S * (len(OFFICE) / 24 if office_hours else 1)
    at = 0.0
    for _ in range(requests):
        at += chance.expovariate(requests / open_s)
        if office_hours:
            day, hour = divmod(at, len(OFFICE) * 3600)
            yield day * 86_400 + OFFICE.start * 3600 + hour
        else:
            yield at


def replay(times: Iterator[float], tokens: int, smallest: int) -> tuple[Decimal, int, int]:
    """(micro-dollars for the prefix, requests that wrote it, requests that read it)."""
    counts, prefix = LocalCounts(), Prefix("system", "p", tokens)
    found = Prefixes((prefix,), ("p",))
    warm_until, cost, writes, reads = -1.0, Decimal(0), 0, 0
    for now in times:
        uses = counts.count_uses_at(["p"], ["p"], now)
        plan = decide_cache_plan(found, uses, RATES, smallest).plan
        if not isinstance(plan, Breakpoints):
            cost += RATES.input * tokens
            continue
        hit = now < warm_until
        write = RATES.cache_write_1h if plan.ttl == "1h" else RATES.cache_write_5m
        cost += (RATES.cache_read if hit else write) * tokens
        writes, reads = writes + (not hit), reads + hit
        warm_until = now + TTL_SECONDS[plan.ttl]
    return cost, writes, reads


def report(tokens: int, requests: int) -> None:
    """Print the case."""
    plain = RATES.input * tokens * requests / 1_000_000
    print(f"{tokens:,} tokens x {requests:,} requests a month = {tokens * requests:,} tokens")
    print(f"uncached, at $3 per million: ${plain:,.2f} a month (an article says $1,500)")
    for name, office in (("round the clock", False), ("10 hours a day", True)):
        cost, writes, reads = replay(arrivals(requests, 1, office_hours=office), tokens, 1024)
        dollars = cost / 1_000_000
        print(
            f"cached, {name}: ${dollars:,.2f} a month, {1 - dollars / plain:.1%} less "
            f"({writes:,} writes, {reads:,} reads)"
        )
    cost, _, _ = replay(arrivals(requests, 1, office_hours=False), tokens, 2048)
    print(
        f"on a model that caches from 2,048 tokens on: ${cost / 1_000_000:,.2f}, nothing is cached;"
        f" {2048 - tokens} tokens more in the prompt would make it cacheable"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_800)
    parser.add_argument("--requests", type=int, default=500_000)
    arguments = parser.parse_args()
    report(arguments.tokens, arguments.requests)
