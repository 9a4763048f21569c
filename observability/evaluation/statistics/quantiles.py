"""Quantiles of measured times, by the order of the values."""

import math
from collections.abc import Sequence


def ranked_quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie (nearest rank); None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
