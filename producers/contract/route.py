"""What has the router decided about a request?"""

from .attempt import Attempt
from .checks import Validator
from .message import Message, MicroUsd, Name
from .request import Request


class Candidate(Message):
    """What the router knew of one tier when it chose; `rejected`: the constraint against it.

    assumed: the success it would have assumed had outcomes not taught it `success`.
    """

    tier: Name
    success: float | None = None
    cost_micro_usd: MicroUsd | None = None
    rejected: str | None = None
    assumed: float | None = None

    @property
    def expected(self) -> float | None:
        """The success that an outcome is held against: the estimate before it was taught."""
        return self.success if self.assumed is None else self.assumed


class Demands(Message):
    """What a deployment must meet to see this request. zones: None = anywhere, empty = nowhere.

    prompt_tokens and output_tokens are the router's estimates; max_output what the caller asks.
    """

    zones: tuple[Name, ...] | None = None
    self_hosted_only: bool = False
    needs: tuple[str, ...] = ()
    prompt_tokens: int = 0
    output_tokens: int = 0
    max_output: int | None = None
    model: Name | None = None


class Route(Message):
    """The router's decision: the tier, what binds the worker, and why, in words for a person.

    validators: of the task's profile, for a request that brings none. cascade: this tier is tried
    because it is cheap; an answer that fails its checks goes up at once, without a repair.
    learns: the router learns from outcomes, so that it's worth telling it what is cheap to find.
    """

    tier: Name
    zone: Name | None = None
    model: Name | None = None
    demands: Demands = Demands()
    task: Name | None = None
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    validators: tuple[Validator, ...] = ()
    cascade: bool = False
    learns: bool = False


class TaggedRequest(Message):
    """A request with its route, and the attempts of those who handed it over: a tier's record."""

    route: Route
    request: Request
    attempts: tuple[Attempt, ...] = ()
