"""Request state: all that the next step depends on, of a request, its targets and its tenant."""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from runtime.budgets.standing import BudgetStatus, WithinBudget
from workers.health.gate import Gate
from workers.health.outcome_policy import FollowUp

RefusalKind: TypeAlias = Literal["filtered", "rejected"]


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment that satisfies the request's hard constraints."""

    name: str
    context_window: int
    gate: Gate
    cost: Decimal | None = None
    """Estimated micro-dollars of one call; None = unpriced."""
    typical_s: float | None = None
    """The time within which 95 % of its calls give their first token; None = not known yet."""


@dataclass(frozen=True, slots=True)
class TriedTarget:
    """An attempt of this request in this tier that has ended."""

    target: str
    at: float
    """When it ended."""
    follow: FollowUp | Literal["inadequate"]
    """Its verdict, or `inadequate` for an answer that the request's validators refused."""
    kind: str
    """Its outcome's name, for people."""
    message: str = ""
    """Of a refused request: what is wrong with it, for its caller alone."""


@dataclass(frozen=True, slots=True)
class PlanRules:
    """How far a request is pursued. Waits in seconds."""

    attempts: int = 6
    """In one tier."""
    most_reroutes: int = 2
    """Between tiers."""
    backoff_s: float = 0.25
    """The pause before the same target again, doubled each time."""
    most_backoff_s: float = 8
    """Where the doubling ends."""
    patience_s: float = 1
    """How long a request may hold a worker's place without being served."""
    needed_s: float = 0.05
    """The least time that a call needs to be worth its money."""
    elsewhere_after: frozenset[RefusalKind] = frozenset()
    """Refusals that another target may be asked about."""
    hedge: bool = True
    """Whether an interactive call that takes longer than usual gets a second one beside it."""
    hedge_cost: int = 4
    """The second call is at most so many times as dear as the first."""
    silence_share: float = 0.6
    """Of the time left: how long an interactive request waits in silence while another is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestState:
    """All that the next step depends on. Times: seconds of one clock; money: micro-dollars."""

    targets: tuple[Target, ...]
    """In the tier's order of preference."""
    deadline: float
    timeout_s: float
    """Of one call, by the tier."""
    first_token_timeout_s: float = math.inf
    """Of one call's first token, by the tier."""
    streams: bool = False
    """Whether a first token will come before the rest."""
    prompt_tokens: int = 0
    """Estimate."""
    tried: tuple[TriedTarget, ...] = ()
    """In this tier, by this worker."""
    refused: tuple[TriedTarget, ...] = ()
    """By other workers, or before a delay: for good. To ask again would change nothing."""
    prior_attempts: int = 0
    """In this tier, before a delay."""
    waited_s: float = 0
    """Sum of the `Wait`s taken by this worker."""
    spent: Decimal = Decimal(0)
    """By all attempts of this request."""
    ceiling: Decimal | None = None
    """What the request may cost; None = as much as it takes."""
    latency: Literal["interactive", "batch"] = "interactive"
    emitted: bool = False
    """Whether the caller has seen a part of the answer."""
    budget: BudgetStatus = field(default_factory=WithinBudget)
    up: str | None = None
    """The tier above (dearer) that has a deployment for this request."""
    down: str | None = None
    """The tier below (cheaper) that has one."""
    visited: tuple[str, ...] = ()
    """The tiers that handed the request over."""
    jitter: float = 0.5
    """0..1, drawn by the shell."""
    rules: PlanRules = field(default_factory=PlanRules)

    @property
    def last(self) -> TriedTarget | None:
        """The latest attempt."""
        return self.tried[-1] if self.tried else None
