"""Limits of foreign bytes: how large, deep or many may what others send be?

One table, so that each is documented (docs/limits.md is written from it), refused by its name and
number, and tested at both sides. What the client needs too is defined in `producers`, and listed
here.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: the greatest value that is still taken."""

    name: str
    """As a refusal calls it, in the plural: `checks of one request`."""
    value: int
    unit: str
    beyond: str
    """What becomes of more: a FailureCode, or what is done in words."""
    why: str

    def refusal(self, amount: int) -> str | None:
        """Why so much isn't taken; None if it is."""
        if amount <= self.value:
            return None
        return f"{self.name}: {amount:,} {self.unit}, at most {self.value:,} may be"


CHECKS: Final = Limit(
    "checks of one request",
    32,
    "checks",
    "invalid_request",
    "Each runs over the whole answer.",
)
CONTAINED_TEXTS: Final = Limit(
    "texts of a contains check",
    100,
    "texts",
    "invalid_request",
    "Each is looked for in the whole answer.",
)
SCHEMA_CHARACTERS: Final = Limit(
    "size of a schema",
    200_000,
    "characters",
    "invalid_request",
    "Schemas are kept ready for the next request.",
)
SCHEMA_VALUES: Final = Limit(
    "values in a schema",
    20_000,
    "values",
    "invalid_request",
    "A schema is checked itself, at 20 microseconds a value.",
)
SCHEMA_DEPTH: Final = Limit(
    "depth of a schema",
    64,
    "levels",
    "invalid_request",
    "Each level of a schema is several calls deep.",
)
SCHEMA_EXPANSION: Final = Limit(
    "subschemas that apply to one value, references followed",
    2_000,
    "subschemas",
    "invalid_request",
    "References that double at each step make a million of twenty lines.",
)
LAPSED_CLAIMS: Final = Limit(
    "workers that ended while they had the request",
    4,
    "workers",
    "internal_error, and a dead letter",
    "What kills a worker kills the next one too, and each may have paid for a call.",
)
CHECKED_JSON: Final = Limit(
    "size of an answer that a schema is to check",
    1_000_000,
    "characters",
    "the check fails",
    "Parsing and quoting it hold the whole process for ten milliseconds.",
)
CHECK_MS: Final = Limit(
    "time for all checks of one answer",
    1_000,
    "ms",
    "the check fails",
    "Or until the deadline, if that comes first.",
)
