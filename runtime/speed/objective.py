"""Objective of a choice: which of several deployments or tiers is best by price and time?"""

from decimal import Decimal
from typing import TypeAlias, assert_never

from producers.contract import Objective

Rank: TypeAlias = tuple[bool, float, float]
"""The least is the best."""


def rank(objective: Objective, cost: Decimal | None, seconds: float) -> Rank:
    """cost: micro-dollars, None = unpriced, which may cost anything; seconds: to the answer.

    `balanced` takes the least product of both: half the time is worth twice the price, whatever
    the prices are. Of two that are alike the cheaper or the faster goes first.
    """
    unpriced, price = cost is None, float(cost or 0)
    match objective:
        case "cost":
            return unpriced, price, seconds
        case "latency":
            return False, seconds, float("inf") if unpriced else price
        case "balanced":
            return unpriced, price * seconds, seconds
        case _:
            assert_never(objective)
