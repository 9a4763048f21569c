"""Hedge budget: may one more call be doubled? Second calls stay within a share of what is spent.

A hedge is paid for whoever wins, so the operator says how much more the answers may cost. What was
spent long ago fades, so that a quiet night doesn't pay for a storm of hedges in the morning.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_FADES_AFTER_CALLS: Final = 1_000
"""Then both sums are halved, which keeps their ratio."""


@dataclass(slots=True)
class HedgeBudget:
    """Micro-dollars of this process."""

    spent: Decimal = Decimal(0)
    """By all calls."""
    hedged: Decimal = Decimal(0)
    """By second calls, as estimated when they began."""
    _calls: int = 0

    def record_spend(self, cost: Decimal | None) -> None:
        """A call has ended; an unpriced one widens no budget."""
        self.spent += cost or 0
        self._calls += 1
        if self._calls >= _FADES_AFTER_CALLS:
            self.spent, self.hedged, self._calls = self.spent / 2, self.hedged / 2, 0

    def take(self, cost: Decimal | None, share: float) -> bool:
        """Whether a second call of about `cost` stays within `share` of what was spent.

        A call without a price is never doubled: nobody could say what that costs.
        """
        if cost is None or self.hedged + cost > Decimal(share) * self.spent:
            return False
        self.hedged += cost
        return True
