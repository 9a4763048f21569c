"""Rollout record: the state of a model swap that is tried on a growing share of the traffic."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from producers.contract.message import Message, Name

RolloutStatus: TypeAlias = Literal["running", "promoted", "rolled back", "stopped"]
MAX_ROLLOUT_STEPS: Final = 20
_Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Count: TypeAlias = Annotated[int, Field(ge=0, le=10**15)]
LATEST_MS: Final = 10**14
"""Unix milliseconds, of the year 5138."""
_Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=LATEST_MS)]
_Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
_LatencyStep: TypeAlias = Annotated[int, Field(ge=0, le=1_000)]


class ArmEvidence(Message):
    """What the requests of one arm have shown. Hits of the cache don't count."""

    requests: _Count = 0
    """That ended."""

    errors: _Count = 0
    """Whose first call failed, or which the candidate didn't answer."""

    slow: _Count = 0
    """Of those without an error: slower than the guard allows."""

    rated: _Count = 0
    """With a word on their answer: of validators, the judge, the look-up or a person."""

    bad: _Count = 0
    """Of the rated: those that were no good."""


class RecentRates(Message):
    """The control's requests of late: older ones have faded, so these are no whole numbers."""

    requests: _Number = 0
    """That ended."""

    errors: _Number = 0
    """Whose first call failed."""

    rated: _Number = 0
    """With a word on their answer."""

    bad: _Number = 0
    """Of the rated: those that were no good."""


class GuardState(Message):
    """Log likelihood ratio of "worse by the guard's margin" to "as good", for each guard."""

    success: _Number = 0
    """Of bad answers."""

    errors: _Number = 0
    """Of failed calls."""

    latency: _Number = 0
    """Of slow answers."""


class RolloutRules(Message):
    """When a rollout goes on, and when it goes back."""

    steps: Annotated[tuple[_Share, ...], Field(min_length=1, max_length=MAX_ROLLOUT_STEPS)] = (
        *(0.01, 0.05, 0.25, 0.5),
        1.0,
    )
    """The candidate's shares of the traffic, rising."""

    min_requests: Annotated[int, Field(ge=1)] = 100
    """Of the candidate, in each step."""

    min_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60
    """That each step lasts."""

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """The loss of success, and the rise of errors, that must not go unseen."""

    slow_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.5
    """An answer is slow beyond so many times the control's 95th percentile."""

    success: bool = True
    """Whether bad answers are watched; without ratings there is nothing to go by."""


class RolloutDecision(Message):
    """One decision of the controller, or of the operator."""

    at_ms: _Milliseconds
    """Unix milliseconds."""

    share: _Share
    """The candidate's share from then on."""

    why: str
    """In words."""


class RolloutRecord(Message):
    """The state of one rollout: a record of `llm.rollouts`, whose key is its name."""

    name: Name
    """The rollout."""

    tier: Name
    """The tier whose requests it concerns."""

    candidate: Name
    """The deployment that is tried."""

    rules: RolloutRules = RolloutRules()
    """When it goes on, and when it goes back."""

    status: RolloutStatus = "running"
    """Where it stands."""

    step: _Count = 0
    """The number of its step, from 0."""

    share: _Share
    """The candidate's share of the traffic now."""

    salt: str
    """What a conversation's place in the shares is drawn with: another rollout draws anew."""

    since_ms: _Milliseconds
    """When the step began, in Unix milliseconds."""

    seen_ms: _Milliseconds = 0
    """Unix milliseconds of the newest event that the evidence holds."""

    step_requests: _Count = 0
    """Of the candidate, since the step began."""

    control: ArmEvidence = ArmEvidence()
    """What the others' requests have shown."""

    candidate_evidence: ArmEvidence = ArmEvidence()
    """What the candidate's requests have shown."""

    recent: RecentRates = RecentRates()
    """Of the control: what its rates are now."""

    guards: GuardState = GuardState()
    """How much speaks against the candidate."""

    latencies: Annotated[dict[_LatencyStep, _Count], Field(max_length=1_000)] = Field(
        default_factory=dict
    )
    """The control's answers by their time, in steps of 5 %: `log(milliseconds) / log(1.05)`."""

    decisions: Annotated[tuple[RolloutDecision, ...], Field(max_length=100)] = ()
    """The latest, oldest first."""
