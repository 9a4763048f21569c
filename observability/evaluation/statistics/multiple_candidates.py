"""Multiple candidates: at which level is each tested, so that all verdicts together hold theirs?

Holm's step-down rule (1979) needs no assumption about how the tests depend on one another.
"""

from collections.abc import Sequence


def holm_levels(p_values: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The level of each test, in the order of `p_values`.

    The k-th smallest p is held against alpha / (number - k); from the first that fails on, all are
    at its level.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    levels = [0.0] * len(p_values)
    level = 0.0
    for rank, place in enumerate(order):
        if rank == 0 or p_values[order[rank - 1]] <= level:
            level = alpha / (len(p_values) - rank)
        levels[place] = level
    return tuple(levels)
