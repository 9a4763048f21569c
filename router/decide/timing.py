"""Timing of a request: when is its answer wanted, and when is each deployment's to be expected?

What was measured of a deployment can be held against a request; what is only assumed ranks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from producers.contract import Objective, Request
from runtime.config.catalog import Tenant
from runtime.config.sections.policy import PolicySettings, TaskProfile
from runtime.speed.expected_speed import SpeedByName, is_far
from runtime.speed.observed_speed import ObservedSpeed
from runtime.speed.time_limits import Overrun, TimeLimits

_TEN_S: Final = 10


@dataclass(frozen=True, slots=True)
class RequestClock:
    """What time it is for a request."""

    elapsed_s: float = 0.0
    """Since it was sent."""
    deadline_s: float | None = None
    """Left by a deadline that is stated beside the request's own; None: there is none."""
    observed: Mapping[str, ObservedSpeed] = field(default_factory=dict)
    """How fast the workers have seen the deployments lately."""


JUST_SENT: Final = RequestClock()


class StatedObjective(NamedTuple):
    """An objective, and whose it is in words."""

    objective: Objective
    whose: str


@dataclass(frozen=True, slots=True)
class Timing:
    """What a request wants of time, and what may be expected."""

    objective: Objective
    whose: str
    """Who says the objective, in words."""
    limits: TimeLimits
    """A far deadline is none of them."""
    speed_of: SpeedByName

    @property
    def matters(self) -> bool:
        """Whether time has a say at all."""
        limits = self.limits.left_s is not None or self.limits.begin_left_s is not None
        return limits or self.objective != "cost"

    def answer_s(self, deployment: str) -> float:
        """Seconds until the deployment's whole answer."""
        return self.speed_of(deployment).answer_s(self.limits.most_tokens)

    def late(self, deployment: str) -> bool:
        """Whether its answer is expected too late, or to begin too late."""
        return self.limits.overrun(self.speed_of(deployment)) is not None

    def measured(self, deployment: str) -> bool:
        """Whether what is expected of it was measured."""
        return self.speed_of(deployment).measured

    def too_late(self, deployments: Sequence[str]) -> str:
        """Of deployments that are all late, why, in words: by the fastest of them."""
        fastest = min(deployments, key=self.answer_s)
        speed = self.speed_of(fastest)
        overrun = self.limits.overrun(speed)
        words = "" if overrun is None else f"{_in_words(overrun)}; "
        return f"{words}{fastest} is its fastest ({speed.origin})"


def _in_words(overrun: Overrun) -> str:
    does = "answer" if overrun.limit == "answer" else "begin its answer"
    expected, left = seconds(overrun.expected_s), seconds(overrun.left_s)
    return f"would {does} in about {expected}, {left} are left"


def objective_of(
    request: Request, profile: TaskProfile, tenant: Tenant, settings: PolicySettings
) -> StatedObjective:
    """The request's own, else the task's, the tenant's, the operator's for everybody."""
    if request.routing.objective is not None:
        return StatedObjective(request.routing.objective, "of the request")
    if profile.objective is not None:
        return StatedObjective(profile.objective, "of the task")
    if tenant.objective is not None:
        return StatedObjective(tenant.objective, "of the tenant")
    return StatedObjective(settings.objective, "by default")


def timing_of(
    request: Request,
    stated: StatedObjective,
    most_tokens: int,
    clock: RequestClock,
    speed_of: SpeedByName,
) -> Timing:
    """most_tokens: that the answer is expected to have at most."""
    routing = request.routing
    own_s = None if routing.deadline_ms is None else routing.deadline_ms / 1000 - clock.elapsed_s
    left_s = min((s for s in (own_s, clock.deadline_s) if s is not None), default=None)
    if left_s is not None and is_far(left_s, most_tokens):
        left_s = None
    begin_ms = routing.max_ttft_ms
    return Timing(
        objective=stated.objective,
        whose=stated.whose,
        limits=TimeLimits(
            left_s=left_s,
            begin_left_s=None if begin_ms is None else begin_ms / 1000 - clock.elapsed_s,
            streams=request.body.stream,
            most_tokens=most_tokens,
        ),
        speed_of=speed_of,
    )


def seconds(duration_s: float) -> str:
    """For people: two digits that matter."""
    return f"{max(0.0, duration_s):.2g} s" if duration_s < _TEN_S else f"{duration_s:,.0f} s"
