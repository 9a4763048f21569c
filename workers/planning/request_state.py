"""What must be known of a request, its targets and its tenant to plan the next step?"""

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from runtime.budgets.standing import BudgetStatus, WithinBudget
from workers.health.gate import Gate
from workers.health.outcome_policy import FollowUp

Elsewhere: TypeAlias = Literal["filtered", "rejected"]


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment that satisfies the request's hard constraints.

    cost: estimated micro-dollars of one call, None = unpriced; typical_s: the time within which
    95 % of its calls give their first token, None = not known yet.
    """

    name: str
    context_window: int
    gate: Gate
    cost: Decimal | None = None
    typical_s: float | None = None


@dataclass(frozen=True, slots=True)
class TriedTarget:
    """An attempt that ended at `at`; kind: its outcome's name.

    follow: its verdict, or `inadequate` for an answer that the request's validators refused.
    """

    target: str
    at: float
    follow: FollowUp | Literal["inadequate"]
    kind: str


@dataclass(frozen=True, slots=True)
class PlanRules:
    """Attempts in one tier, hops between tiers, waits in seconds.

    backoff_s: the pause before the same target again, doubled each time up to most_backoff_s.
    patience_s: how long a request may hold a worker's place without being served; needed_s: the
    least time a call needs to be worth its money. elsewhere_after: refusals that another target
    may be asked about. hedge: whether an interactive call that takes longer than usual gets a
    second one beside it, at most hedge_cost times as dear. silence_share: of the time left, what
    an interactive request may wait in silence at one target while another is ready.
    """

    attempts: int = 6
    hops: int = 2
    backoff_s: float = 0.25
    most_backoff_s: float = 8
    patience_s: float = 1
    needed_s: float = 0.05
    elsewhere_after: frozenset[Elsewhere] = frozenset()
    hedge: bool = True
    hedge_cost: int = 4
    silence_share: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestState:
    """All that the next step depends on. Times: seconds of one clock; money: micro-dollars.

    targets: in the tier's order of preference. timeout_s, first_token_timeout_s: of one call, by
    the tier. streams: a first token will come before the rest.
    prompt_tokens: estimate. tried: in this tier, here; prior_attempts: in this tier, before a
    delay. waited_s: sum of the `Wait`s taken here. spent, ceiling: of this request. emitted: the
    caller has seen a part of the answer. up, down: the tier above (dearer) and below; visited:
    the tiers that handed it over. jitter: 0..1, drawn by the shell.
    """

    targets: tuple[Target, ...]
    deadline: float
    timeout_s: float
    first_token_timeout_s: float = math.inf
    streams: bool = False
    prompt_tokens: int = 0
    tried: tuple[TriedTarget, ...] = ()
    prior_attempts: int = 0
    waited_s: float = 0
    spent: Decimal = Decimal(0)
    ceiling: Decimal | None = None
    latency: Literal["interactive", "batch"] = "interactive"
    emitted: bool = False
    budget: BudgetStatus = field(default_factory=WithinBudget)
    up: str | None = None
    down: str | None = None
    visited: tuple[str, ...] = ()
    jitter: float = 0.5
    rules: PlanRules = field(default_factory=PlanRules)

    @property
    def last(self) -> TriedTarget | None:
        """The latest attempt."""
        return self.tried[-1] if self.tried else None
