"""Latency quantile: the time within which 95 % of a deployment's calls give their first token."""

import math
from dataclasses import dataclass
from typing import Final

_ENOUGH_SAMPLES: Final = 20
_QUANTILE: Final = 0.95
_STEP: Final = 0.08


@dataclass(frozen=True, slots=True)
class LatencyQuantile:
    """A running estimate of the 95th percentile of the time to the first token."""

    seconds: float = 0
    samples: int = 0

    @property
    def known_s(self) -> float | None:
        """The estimate, once it rests on enough samples."""
        return self.seconds if self.samples >= _ENOUGH_SAMPLES else None


def quantile_after(t: LatencyQuantile, first_token_s: float) -> LatencyQuantile:
    """The estimate after one more sample; starts above the first ones."""
    if t.samples < _ENOUGH_SAMPLES:
        return LatencyQuantile(max(t.seconds, first_token_s, 1e-3), t.samples + 1)
    # Stochastic approximation in the logarithm, so that one step fits milliseconds and minutes: it
    # rises by 19 parts when a sample is above and falls by one when below, and so settles where one
    # in twenty is above. The step stays constant: what is typical may change.
    step = _STEP * (_QUANTILE if first_token_s > t.seconds else _QUANTILE - 1)
    return LatencyQuantile(t.seconds * math.exp(step), t.samples + 1)
