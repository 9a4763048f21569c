"""Budget status: within, over the soft limit, or exhausted."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """The tenant's budgets have room."""


@dataclass(frozen=True, slots=True)
class OverSoftLimit:
    """A soft budget is reached: go down a tier if there is one."""

    why: str
    """A warning for the caller."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A budget is spent: refuse."""

    why: str
    """Which budget, and what can be done, for the caller."""


BudgetStatus: TypeAlias = WithinBudget | OverSoftLimit | Exhausted
