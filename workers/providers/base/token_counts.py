"""Token counts: what a provider tells of its usage, as far as it can be believed.

They become money. A count that is negative, no integer or beyond a billion is a fault of the
provider or of a proxy before it, and the whole usage counts as untold: an estimate is closer.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from producers.contract import Usage
from runtime import limits

MOST_TOKENS: Final = limits.PROVIDER_TOKENS.value
_BILLED: Final = re.compile(
    r"(tokens?|requests|queries|searches|calls|characters|seconds)$|\bnum_", re.IGNORECASE
)
_LONGEST_NAME: Final = 80
_MOST_UNLISTED: Final = 10
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
    return max(usage.input_total, usage.output_total) <= _MOST_WINDOWS * context_window


def believable(usage: Usage) -> bool:
    """Whether a usage, whoever read it, holds only counts that a provider can have meant."""
    counts = usage.model_dump(exclude={"unlisted", "served"}).values()
    return all(map(_believable, (*counts, *usage.unlisted.values())))


def unlisted_counts(
    block: Mapping[str, Any], known: Collection[str], within: str = ""
) -> dict[str, int]:
    """The counts of a usage block that look billed and aren't among the `known`, by their path."""
    unlisted: dict[str, int] = {}
    for name, value in block.items():
        path = f"{within}{name}"[:_LONGEST_NAME]
        if isinstance(value, Mapping) and not within:
            unlisted |= unlisted_counts(value, known, f"{name}.")
        elif path not in known and _BILLED.search(path) and _believable(value) and value > 0:
            unlisted[path] = int(value)
    return dict(list(unlisted.items())[:_MOST_UNLISTED])


def _believable(count: object) -> bool:
    if isinstance(count, bool) or not isinstance(count, int | float):
        return False
    return 0 <= count <= MOST_TOKENS and count == int(count)
