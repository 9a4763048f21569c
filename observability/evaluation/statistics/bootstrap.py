"""Bootstrap: the spread of a figure, by drawing the cases again and again.

Cases that belong together (turns of one conversation) are drawn together: else the interval of
what is in truth few independent cases would be far too narrow.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from observability.evaluation.statistics.paired_shares import DifferenceInterval

DRAWS: Final = 1_000


def clustered_difference(
    differences: Sequence[int], groups: Sequence[str], generator: np.random.Generator, level: float
) -> DifferenceInterval:
    """The interval of the mean of `differences`, each case's group drawn as a whole.

    level: the chance to miss on each side.
    """
    _, members = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(members, weights=np.asarray(differences, dtype=float)).astype(float)
    sizes = np.bincount(members).astype(float)
    drawn = _drawn_ratio(sums, sizes, generator)
    low, high = np.quantile(drawn, [level, 1 - level])
    return DifferenceInterval(float(low), float(high))


def ratio_interval(
    above: Sequence[float],
    below: Sequence[float],
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """The interval of sum(above) / sum(below) over the same cases; both sums are above 0."""
    drawn = _drawn_ratio(np.asarray(above), np.asarray(below), generator)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _drawn_ratio(
    above: NDArray[np.float64], below: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """The ratio of the sums in each draw of as many units as there are."""
    number = len(above)
    ratios = np.empty(DRAWS)
    for draw in range(DRAWS):
        units = generator.integers(0, number, number)
        ratios[draw] = above[units].sum() / max(below[units].sum(), 1e-12)
    return ratios
