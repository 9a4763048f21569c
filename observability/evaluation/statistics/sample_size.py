"""Sample size: how many cases does a verdict need?

Paired cases: what counts beside the margin is the share of cases on which both disagree, which the
first hundred cases tell well enough.
"""

import math
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


def cases_not_worse(
    discordance: float, margin: float, *, alpha: float = 0.025, power: float = 0.8
) -> int:
    """Cases that show "at most `margin` worse" of a candidate that is equally good.

    discordance: the share of cases on which both disagree. alpha: one-sided. margin: above 0.
    """
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
    return math.ceil(z * z * discordance / (margin * margin))


def least_margin(
    discordance: float, cases: int, *, alpha: float = 0.025, power: float = 0.8
) -> float:
    """The smallest margin that so many cases can settle, for an equally good candidate."""
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
    return z * math.sqrt(discordance / cases)
