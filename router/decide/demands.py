"""Demands on a deployment: what do a request and its tenant ask for together?

`runtime.config.eligibility` holds deployments against it: here to choose a tier, there to call one.
"""

from producers.contract import Demands, Request
from producers.contract.residency import narrower
from router.text.features import Features
from runtime.config.catalog import Tenant


def demands_of(
    request: Request,
    features: Features,
    tenant: Tenant,
    model: str | None,
    deployment: str | None = None,
) -> Demands:
    """What the request and its tenant demand together; of two limits, the narrower."""
    body = request.body
    return Demands(
        zones=narrower(request.routing.residency, tenant.residency),
        self_hosted_only=request.routing.self_hosted_only or tenant.self_hosted_only,
        needs=tuple(sorted(features.needs)),
        prompt_tokens=features.tokens,
        output_tokens=features.output_tokens,
        max_output=body.max_completion_tokens or body.max_tokens,
        model=model,
        deployment=deployment,
    )


def binds_zone(demands: Demands) -> bool:
    """Whether only the worker pool of the chosen zone may take the request."""
    return demands.zones is not None or demands.self_hosted_only
