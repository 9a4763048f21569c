"""Submission decision: is a batch to be formed of what waits, and how large may it be?

A batch of one request has the half price already. Gathering only buys fewer creations and polls,
Bedrock's minimum, and requests of one prefix side by side. So a batch is formed when it is full,
when its oldest request has waited long enough, or when the tightest deadline leaves no more time;
never for the sake of a number, except where the provider takes no smaller one.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class GroupState:
    """What waits for one deployment. Times: Unix seconds."""

    requests: int
    size: int
    """Bytes."""
    prompt_tokens: int
    oldest: float | None
    """When the first came."""
    tightest: float | None
    """The earliest deadline; None: there is none."""
    open_requests: int = 0
    """In open batches of the deployment."""
    open_tokens: int = 0


@dataclass(frozen=True, slots=True)
class SubmissionRules:
    """The provider's limits and the operator's, the narrower of each."""

    most: int
    most_size: int
    fewest: int
    queued_requests: int | None
    queued_tokens: int | None
    window_s: float
    oldest_s: float
    margin_s: float
    """Between the end of the window and the tightest deadline."""
    short_deadlines: bool = False
    """Whether deadlines inside of the window wait as well."""


@dataclass(frozen=True, slots=True)
class FormBatch:
    """Form one now, of at most so much."""

    most: int
    most_size: int
    most_tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class KeepGathering:
    """Not yet, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class ToTheTier:
    """What waits can't become a batch in time: it is called at its tier."""

    reason: str


SubmissionDecision: TypeAlias = FormBatch | KeepGathering | ToTheTier


def submission_decision(
    state: GroupState, rules: SubmissionRules, now: float
) -> SubmissionDecision:
    """What to do with a group at `now`."""
    if not state.requests or state.oldest is None:
        return KeepGathering("nothing waits")
    reason = _due(state, rules, now)
    if reason is None:
        return KeepGathering("young, and not full")
    left = _room(state, rules)
    if left is None:
        return KeepGathering("the provider's queue is full")
    if state.requests < rules.fewest:
        return ToTheTier(f"{state.requests} requests; the provider takes {rules.fewest} or more")
    most, tokens = left
    return FormBatch(most, rules.most_size, tokens, reason)


def _due(state: GroupState, rules: SubmissionRules, now: float) -> str | None:
    if state.requests >= rules.most or state.size >= rules.most_size:
        return "full"
    if state.oldest is not None and now - state.oldest >= rules.oldest_s:
        return f"its oldest request waited {now - state.oldest:.0f} s"
    if state.tightest is not None and not rules.short_deadlines:
        slack_s = state.tightest - now - rules.window_s
        if slack_s < rules.margin_s:
            return f"its tightest deadline leaves {slack_s / _HOUR_S:.1f} h beside the window"
    return None


def _room(state: GroupState, rules: SubmissionRules) -> tuple[int, int] | None:
    """(requests, tokens) that the provider's queue still takes; None: it is full."""
    most, tokens = rules.most, 2**62
    if rules.queued_requests is not None:
        most = min(most, rules.queued_requests - state.open_requests)
    if rules.queued_tokens is not None:
        tokens = rules.queued_tokens - state.open_tokens
    # one request is let through an empty queue whatever its size: the estimate may be wrong
    if most < max(1, rules.fewest) or (tokens <= 0 and state.open_requests):
        return None
    return most, tokens
