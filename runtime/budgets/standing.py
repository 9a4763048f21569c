"""runtime.budgets.standing."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """The tenant's budgets have room."""


@dataclass(frozen=True, slots=True)
class OverSoftLimit:
    """A soft budget is reached: go down a tier if there is one. why: a warning for the caller."""

    why: str


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A budget is spent: refuse. why: which, and what can be done, for the caller."""

    why: str


BudgetStatus: TypeAlias = WithinBudget | OverSoftLimit | Exhausted
