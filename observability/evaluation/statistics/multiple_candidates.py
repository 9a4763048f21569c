"""Multiple candidates: at which level is each tested, so that all verdicts together hold theirs?

Holm's step-down rule (1979) needs no assumption about how the tests depend on one another. In
whatever order they come, a looser level is granted only by a test that was passed at its own.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

Decides: TypeAlias = Callable[[int, float], bool]
"""Whether the test at a place tells something at a level."""


def holm_levels(p_values: Sequence[float], decides: Decides, alpha: float) -> tuple[float, ...]:
    """The level of each test, in the order of `p_values`.

    The k-th smallest p is tested at alpha / (number - k); from the first that tells nothing on, all
    are at its level. p_values: for the order alone. What decides may be a wider interval, where the
    cases aren't independent.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    levels = [0.0] * len(p_values)
    level, granted = 0.0, True
    for rank, place in enumerate(order):
        if granted:
            level = alpha / (len(p_values) - rank)
            granted = decides(place, level)
        levels[place] = level
    return tuple(levels)
