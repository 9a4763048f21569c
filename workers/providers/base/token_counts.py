"""Token counts: what a provider tells of its usage, as far as it can be believed.

They become money. A count that is negative, no integer or beyond a billion is a fault of the
provider or of a proxy before it, and the whole usage counts as untold: an estimate is closer.
"""

from typing import Final

from producers.contract import Usage
from runtime import limits

MOST_TOKENS: Final = limits.PROVIDER_TOKENS.value
_MOST_WINDOWS: Final = 10
"""Context windows of the model that one call may be billed at: a configured one may be too small,
but not that much."""


def token_counts(*values: object) -> tuple[int, ...] | None:
    """The counts, 0 for one that is None; None when one of them can't be believed."""
    counts = tuple(0 if count is None else count for count in values)
    if all(_believable(count) for count in counts):
        return tuple(int(count) for count in counts if isinstance(count, int | float))
    return None


def plausible(usage: Usage, context_window: int) -> bool:
    """Whether one call of a model with this window, in tokens, can have used so much."""
    return max(usage.input_total, usage.output) <= _MOST_WINDOWS * context_window


def _believable(count: object) -> bool:
    if isinstance(count, bool) or not isinstance(count, int | float):
        return False
    return 0 <= count <= MOST_TOKENS and count == int(count)
