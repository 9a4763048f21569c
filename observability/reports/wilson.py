"""Wilson score interval: how sure is a rate that was counted on a sample?"""

import math
from dataclasses import dataclass
from typing import Final

Z95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class IntervalRate:
    """A share and its 95 % interval."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself; None of nothing."""
        return self.count / self.of if self.of else None


def wilson(count: int, of: int, z: float = Z95) -> IntervalRate:
    """Wilson's score interval (1927): good for small samples and shares near 0 or 1."""
    if of == 0:
        return IntervalRate(0, 0, 0.0, 1.0)
    share, squared = count / of, z * z
    centre = share + squared / (2 * of)
    margin = z * math.sqrt(share * (1 - share) / of + squared / (4 * of * of))
    scale = 1 + squared / of
    return IntervalRate(
        count, of, max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)
    )
