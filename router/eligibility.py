"""May this deployment see this request, and can it serve it?

Residency and self-hosting are promises to the tenant: nothing later in the router weakens them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from producers.messages import Request
from router.features import Features
from workers.catalog import Capability, Deployment, Model, Tenant


@dataclass(frozen=True, slots=True)
class Demands:
    """What a deployment must meet. zones: where the data may go; None = anywhere.

    reserve: tokens that the answer needs in the context window. max_output: what the caller asks.
    """

    zones: frozenset[str] | None
    self_hosted_only: bool
    needs: frozenset[Capability]
    tokens: int
    reserve: int
    max_output: int | None
    model: str | None = None

    @property
    def bind_zone(self) -> bool:
        """Whether only the worker pool of the chosen zone may take the request."""
        return self.zones is not None or self.self_hosted_only


def demands_of(request: Request, features: Features, tenant: Tenant, model: str | None) -> Demands:
    """What the request and its tenant demand together; of two limits, the narrower."""
    body = request.body
    return Demands(
        zones=_narrower(request.routing.residency, tenant.residency),
        self_hosted_only=request.routing.self_hosted_only or tenant.self_hosted_only,
        needs=features.needs,
        tokens=features.tokens,
        reserve=features.output_tokens,
        max_output=body.max_completion_tokens or body.max_tokens,
        model=model,
    )


def obstacle(deployment: Deployment, model: Model, demands: Demands) -> str | None:
    """What forbids `deployment`, in words; None when it may and can serve."""
    if demands.model is not None and deployment.model != demands.model:
        return f"doesn't serve {demands.model}"
    if demands.self_hosted_only and not deployment.self_hosted:
        return "not self-hosted"
    if not _in_zone(deployment, demands.zones):
        return f"in zone {deployment.zone}, data must stay in {_list(demands.zones)}"
    return _incapable(model, demands)


def too_long(model: Model, demands: Demands) -> bool:
    """Whether prompt and answer exceed the model's context window."""
    return demands.tokens + demands.reserve > model.context_window


def _in_zone(deployment: Deployment, zones: frozenset[str] | None) -> bool:
    return zones is None or deployment.zone in zones or (bool(zones) and deployment.self_hosted)


def _incapable(model: Model, demands: Demands) -> str | None:
    missing = demands.needs - model.capabilities
    if missing:
        return f"can't do {_list(missing)}"
    if too_long(model, demands):
        size = f"{demands.tokens} tokens and {demands.reserve} for the answer"
        return f"context window of {model.context_window} is too small for {size}"
    if demands.max_output is not None and demands.max_output > model.max_output:
        return f"answers are limited to {model.max_output} tokens, {demands.max_output} asked"
    return None


def _narrower(asked: tuple[str, ...], imposed: tuple[str, ...]) -> frozenset[str] | None:
    """The zones both allow; empty = none is left, which no deployment can meet."""
    if not asked or not imposed:
        return frozenset(asked or imposed) or None
    return frozenset(asked) & frozenset(imposed)


def _list(names: Iterable[str] | None) -> str:
    return " or ".join(sorted(names or ())) or "no zone: request and tenant exclude each other"
