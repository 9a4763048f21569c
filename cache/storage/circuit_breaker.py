"""Circuit breaker rules of what the cache depends on: Redis, and the semantic search."""

from typing import Final

from runtime.circuit_breaker.rules import BreakerRules, Cooldown

DEPENDENCY_RULES: Final = BreakerRules(
    consecutive=5, cooldown=Cooldown(first_s=0.5, most_s=15), probe_lease_s=0.5
)
"""One call probes, and one answer closes: a lookup that isn't made costs a hit, not an answer."""
