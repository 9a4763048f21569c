"""Route message: what the router decided about a request, and why."""

from typing import Annotated, Literal, TypeAlias

from pydantic import FailFast

from .attempt import Attempt
from .checks import Validator
from .message import Message, MicroUsd, Name
from .request import Objective, Request

RolloutArmName: TypeAlias = Literal["control", "candidate"]


class Candidate(Message):
    """What the router knew of one tier when it chose."""

    tier: Name
    """The tier."""

    success: float | None = None
    """The share of good answers to expect of it, 0..1."""

    cost_micro_usd: MicroUsd | None = None
    """The estimated price of the answer; null where no price is known."""

    expected_s: float | None = None
    """Seconds to the answer that are expected of the deployment that it would ask first; null where
    time played no part in the choice."""

    speed: str | None = None
    """Where that estimate comes from, in words."""

    rejected: str | None = None
    """The constraint against the tier, in words; null: it could serve."""

    assumed: float | None = None
    """The success it would have assumed had outcomes not taught it `success`; null: they didn't."""

    origin: str | None = None
    """Where the estimate of its success comes from, in words."""

    @property
    def expected(self) -> float | None:
        """The success that an outcome is held against: the estimate before it was taught."""
        return self.success if self.assumed is None else self.assumed


class Demands(Message):
    """What a deployment must meet to see this request."""

    zones: tuple[Name, ...] | None = None
    """The zones that may see it; null: anywhere, empty: nowhere."""

    self_hosted_only: bool = False
    """Whether only deployments that the operator runs may see it."""

    needs: tuple[str, ...] = ()
    """The capabilities a model must have, e.g. `tools`."""

    prompt_tokens: int = 0
    """The router's estimate of the prompt's tokens."""

    output_tokens: int = 0
    """The router's estimate of the answer's tokens."""

    max_output: int | None = None
    """Tokens that the caller allows the answer."""

    model: Name | None = None
    """The model that the caller named, or that of the deployment."""

    deployment: Name | None = None
    """The deployment that the caller named: one model at one provider."""


class RolloutArm(Message):
    """The side of a rollout that a request was assigned to, whoever answers it in the end."""

    name: Name
    """The rollout."""

    arm: RolloutArmName
    """`candidate`: the new deployment is asked first; `control`: it is asked last."""


class Route(Message):
    """The router's decision: the tier, what binds the worker, and why."""

    tier: Name
    """The tier that is to answer."""

    zone: Name | None = None
    """The only zone whose worker pool may take the request; null: any."""

    model: Name | None = None
    """The model that the caller named."""

    demands: Demands = Demands()
    """What a deployment must meet."""

    task: Name | None = None
    """The declared task, else the recognised one."""

    reasons: tuple[str, ...] = ()
    """Why this tier, in words for a person."""

    candidates: tuple[Candidate, ...] = ()
    """What the router knew of each tier."""

    validators: tuple[Validator, ...] = ()
    """The checks of the task's profile, for a request that brings none."""

    objective: Objective = "cost"
    """What decides among the tier's deployments."""

    avoid: tuple[Name, ...] = ()
    """Deployments of the tier that are asked last: better ones than the first in its order fit."""

    rollout: RolloutArm | None = None
    """The rollout whose share the request was drawn for; null: none."""

    cascade: bool = False
    """This tier is tried because it is cheap: an answer that fails its checks goes up at once,
    without a repair."""

    batch: bool = False
    """It waits in the batch queue for the half price; its tier takes what comes back from there."""

    learns: bool = False
    """The router learns from outcomes, so it's worth telling it what is cheap to find."""


class TaggedRequest(Message):
    """A request with its route: a record of a tier's queue."""

    route: Route
    """The router's decision."""

    request: Request
    """The caller's own request."""

    attempts: Annotated[tuple[Attempt, ...], FailFast()] = ()
    """The attempts of those who handed the request over."""
