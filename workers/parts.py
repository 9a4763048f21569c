"""What do the workers of one pool share?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cache.lookup import Lookup
from observability.tracing import Tracer
from producers.broker import Publisher
from producers.messages import UsageEvent

from .budget_state import Budgets
from .cancellations import Cancellations
from .fleet import Fleet
from .once import Once
from .prompt_caching import PromptCaching
from .pursuit import PriceOf, World
from .situation import PlanRules


class Reporter(Protocol):
    """Takes the account of every request that ends here: metrics and the log."""

    def record(self, event: UsageEvent, *, exported: bool) -> None:
        """exported: the request's trace is. Must not raise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One tier's workers in this process.

    world: the configuration in force, asked anew for every request; price_of: today's prices.
    """

    tier: str
    world: Callable[[], World]
    price_of: PriceOf
    fleet: Fleet
    budgets: Budgets
    caching: PromptCaching
    lookup: Lookup
    once: Once
    cancellations: Cancellations
    publisher: Publisher
    tracer: Tracer
    rules: PlanRules
    reporter: Reporter
