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
    counts: list[int] = []
    for value in values:
        if value is None:
            counts.append(0)
        elif type(value) is int and 0 <= value <= MOST_TOKENS:  # nearly always
            counts.append(value)
        elif isinstance(value, float) and _believable(value):
            counts.append(int(value))
        else:
            return None
    return tuple(counts)


def plausible(usage: Usage, context_window: int) -> bool:
    """Whether one call of a model with this window, in tokens, can have used so much."""
    return max(usage.input_total, usage.output_total) <= _MOST_WINDOWS * context_window


def believable(usage: Usage) -> bool:
    """Whether a usage, whoever read it, holds only counts that a provider can have meant."""
    counts = usage.model_dump(exclude={"unlisted", "served"}).values()
    # its fields are whole numbers by their type
    return (
        min(counts) >= 0
        and max(counts) <= MOST_TOKENS
        and all(map(_believable, usage.unlisted.values()))
    )


def unlisted_counts(
    block: Mapping[str, Any], known: Collection[str], within: str = ""
) -> dict[str, int]:
    """The counts of a usage block that look billed and aren't among the `known`, by their path."""
    unlisted: dict[str, int] = {}
    for name, value in block.items():
        if not value:  # asked first: most counts are 0, and what isn't billed needs no name
            continue
        if isinstance(value, dict):
            if not within:
                unlisted |= unlisted_counts(value, known, f"{name}.")
            continue
        path = f"{within}{name}"
        if path in known:
            continue
        path = path[:_LONGEST_NAME]
        if _BILLED.search(path) and _believable(value):
            unlisted[path] = int(value)
    return unlisted if len(unlisted) <= _MOST_UNLISTED else _first(unlisted)


def _first(unlisted: Mapping[str, int]) -> dict[str, int]:
    return dict(list(unlisted.items())[:_MOST_UNLISTED])


def _believable(count: object) -> bool:
    if isinstance(count, bool) or not isinstance(count, int | float):
        return False
    return 0 <= count <= MOST_TOKENS and count == int(count)
