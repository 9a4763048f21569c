"""Token counts: what a provider tells of its usage, as far as it can be believed.

They become money. A count that is negative, no integer or beyond a billion is a fault of the
provider or of a proxy before it, and the whole usage counts as untold: an estimate is closer.
"""

from typing import Final

MOST_TOKENS: Final = 1_000_000_000


def token_counts(*values: object) -> tuple[int, ...] | None:
    """The counts, 0 for one that is None; None when one of them can't be believed."""
    counts = tuple(0 if count is None else count for count in values)
    if all(_believable(count) for count in counts):
        return tuple(int(count) for count in counts if isinstance(count, int | float))
    return None


def _believable(count: object) -> bool:
    if isinstance(count, bool) or not isinstance(count, int | float):
        return False
    return 0 <= count <= MOST_TOKENS and count == int(count)
