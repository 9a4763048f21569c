"""Chargeback: what does each tenant pay, if a platform's shared cost is split by use?"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from observability.pricing.money import cents
from observability.reports.cost import CostRow
from observability.reports.forecast import shares


@dataclass(frozen=True, slots=True)
class ChargebackBill:
    """One payer's part, in cents that add up to the whole."""

    payer: tuple[str, ...]
    """The report's group."""
    own_cents: Decimal
    shared_cents: Decimal
    unpriced: int
    """Answers whose cost isn't known, so not yet in it."""

    @property
    def name(self) -> str:
        """The payer, for people; two may read alike."""
        return " / ".join(self.payer)

    @property
    def total_cents(self) -> Decimal:
        """What to invoice."""
        return self.own_cents + self.shared_cents


def bills(rows: Sequence[CostRow], shared_micro_usd: Decimal) -> list[ChargebackBill]:
    """One bill for each row's group. Rounding loses no cent: own parts add up to the total's cents.

    shared_micro_usd: what the platform itself cost (servers, people), split by each one's cost.
    """
    costs = {row.group: row.cost for row in rows}
    own = shares(costs, cents(sum(costs.values(), Decimal(0))))
    shared = shares(costs, cents(shared_micro_usd))
    return [
        ChargebackBill(row.group, own[row.group], shared[row.group], row.unpriced) for row in rows
    ]
