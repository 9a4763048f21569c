"""Rollout arm: which side of a rollout is a request drawn for, and who is asked first there?"""

from collections.abc import Iterable
from hashlib import blake2b

from observability.evaluation.rollout.rollout_record import RolloutRecord
from producers.contract import Request, Route
from producers.contract.route import RolloutArm, RolloutArmName
from router.decide.demands import binds_zone
from router.decide.tier_candidates import RoutingConfig


class ActiveRollouts:
    """The newest state of each rollout; by tier, those that draw requests."""

    def __init__(self) -> None:
        self._known: dict[str, RolloutRecord] = {}
        self.by_tier: dict[str, RolloutRecord] = {}

    def take(self, rollout: RolloutRecord) -> None:
        """The state of a rollout has changed."""
        self._known[rollout.name] = rollout
        self.by_tier = {each.tier: each for each in _drawing(self._known.values())}


def _drawing(rollouts: Iterable[RolloutRecord]) -> Iterable[RolloutRecord]:
    """Of several for one tier, the one that was started last."""
    drawing = (each for each in rollouts if each.status in {"running", "promoted"})
    return sorted(drawing, key=lambda each: each.decisions[0].at_ms if each.decisions else 0)


def with_rollout(
    route: Route, request: Request, rollout: RolloutRecord, config: RoutingConfig
) -> Route:
    """The route with the arm that the request was drawn for; itself where it can't have both arms.

    Conversations, else users, stay in their arm, also when the share grows: the draw is a hash, and
    a larger share holds the smaller one.
    """
    fitting = config.eligible.names(route.tier, route.demands)
    if rollout.candidate not in fitting or len(fitting) == 1 or route.batch:
        return route
    deployment = config.catalog.deployments[rollout.candidate]
    if route.model is not None or (binds_zone(route.demands) and deployment.zone != route.zone):
        return route
    arm: RolloutArmName = "candidate" if draw(request, rollout.salt) < rollout.share else "control"
    others = tuple(name for name in fitting if name != rollout.candidate)
    avoid = others if arm == "candidate" else (*route.avoid, rollout.candidate)
    reason = f"rollout {rollout.name}, {rollout.share:.0%} of the tier: {arm}"
    return route.model_copy(
        update={
            "avoid": avoid,
            "rollout": RolloutArm(name=rollout.name, arm=arm),
            "reasons": (*route.reasons, reason),
        }
    )


def draw(request: Request, salt: str) -> float:
    """A number in 0..1 that is always the same for a conversation, else a user, else a request."""
    user = (request.body.model_extra or {}).get("user")
    unit = request.routing.conversation or (user if isinstance(user, str) else "") or request.id
    key = f"{salt}\0{request.tenant}\0{unit}"
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64
