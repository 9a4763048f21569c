"""Limit: the greatest value that is still taken, and the words in which more is refused."""

from dataclasses import dataclass


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
