"""Usage events for tests: plausible, and different in everything that reports look at."""

import random
from decimal import Decimal

from producers.contract import Attempt, CacheOutcome, Savings, Timings, Usage, UsageEvent

DAY_MS = 86_400_000
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z"""

MODELS = (
    ("openai-gpt-4o-mini", "openai", "gpt-4o-mini", "economy", Decimal("0.15"), Decimal("0.6")),
    ("anthropic-haiku-4.5", "anthropic", "claude-haiku-4-5", "economy", Decimal(1), Decimal(5)),
    ("openai-gpt-4o", "openai", "gpt-4o", "standard", Decimal("2.5"), Decimal(10)),
    ("anthropic-opus-4.6", "anthropic", "claude-opus-4-6", "premium", Decimal(5), Decimal(25)),
)


def usage_event(number: int, seed: int = 0, days: int = 30) -> UsageEvent:
    """The same for the same arguments."""
    chance = random.Random(f"{seed}-{number}")
    deployment, provider, model, tier, per_input, per_output = chance.choice(MODELS)
    usage = Usage(
        input_uncached=chance.randrange(50, 3000),
        cache_read=chance.choice((0, 0, 1024)),
        output=chance.randrange(5, 900),
    )
    paid = per_input * usage.input_uncached + per_input * usage.cache_read / 10
    paid += per_output * usage.output
    baseline = 5 * Decimal(usage.input_total) + 25 * Decimal(usage.output)
    listed = per_input * usage.input_total + per_output * usage.output
    return UsageEvent(
        id=f"r{number}", tenant=chance.choice(("acme", "globex", "initech")),
        at_ms=START_MS + number * days * DAY_MS // 1_000_000 % (days * DAY_MS), outcome="done",
        tier=tier, deployment=deployment, provider=provider, model=model,
        task=chance.choice(("summarise", "classify", None)),
        tags={"team": chance.choice(("a", "b", "c")), "feature": chance.choice(("search", "chat"))},
        usage=usage, cost_micro_usd=paid, baseline_micro_usd=baseline,
        savings=Savings(routing=baseline - listed, prompt_cache=listed - paid),
        cache=CacheOutcome(result="miss"),
        attempts=(Attempt(deployment=deployment, outcome="ok", duration_ms=chance.random() * 900),),
        timings=Timings(queued_ms=3, first_token_ms=chance.random() * 500, total_ms=900),
        finish_reason="stop", max_tokens=4096, prompt_hash=f"p{chance.randrange(10**6)}",
        prefix_hash=f"x{chance.randrange(50)}", prefix_tokens=1500,
    )  # fmt: skip
