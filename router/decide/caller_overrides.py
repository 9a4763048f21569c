"""Caller overrides: which tier or model does the caller name, and does it exist?"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from producers.contract import FailureCode, Request
from runtime.config.catalog import Catalog
from runtime.config.references import AUTO
from runtime.config.sections.policy import PolicySettings


@dataclass(frozen=True, slots=True)
class RouteRejected:
    """No route: why the request is refused."""

    code: FailureCode
    message: str
    """What is wrong and what would be right, for the one who sent it."""


@dataclass(frozen=True, slots=True)
class CallerOverride:
    """What the caller names; None = the router's choice."""

    tier: str | None = None
    model: str | None = None
    deployment: str | None = None
    reason: str = ""
    """Why it binds, in words for the caller."""


def caller_override(
    request: Request, catalog: Catalog, settings: PolicySettings
) -> CallerOverride | RouteRejected:
    """`routing.tier` goes before a tier in `model`; both are checked against the catalog."""
    named = settings.aliases.get(request.body.model, request.body.model)
    tier = request.routing.tier
    if tier is not None and tier != AUTO and tier not in catalog.tiers:
        return RouteRejected(
            "unknown_tier", f"routing.tier: {_unknown('tier', tier, catalog.tiers)}"
        )
    tier = None if tier == AUTO else tier
    if named in catalog.tiers:
        tier = tier or named
    if tier is not None and named not in catalog.models and named not in catalog.deployments:
        return CallerOverride(tier, reason=f"the caller named tier {tier}")
    if named == AUTO:
        return _one_queue(catalog, settings) if request.routing.ordered else CallerOverride()
    if named in catalog.models:
        return CallerOverride(tier, named, reason=f"the caller named model {named}")
    if named in catalog.deployments:
        model, reason = catalog.deployments[named].model, f"the caller named deployment {named}"
        return CallerOverride(tier, model, named, reason)
    known = [AUTO, *catalog.tiers, *catalog.models]
    return RouteRejected("unknown_model", f"model: {_unknown('model or tier', named, known)}")


def _one_queue(catalog: Catalog, settings: PolicySettings) -> CallerOverride:
    """Requests that must be answered in order stay on one queue: of the tier set, or the middle."""
    tiers = list(catalog.tiers)
    tier = settings.ordered_tier or tiers[len(tiers) // 2]
    return CallerOverride(
        tier, reason=f"a conversation answered in order is served by {tier} alone"
    )


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    nearest = get_close_matches(name, names, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"there is no {kind} {name[:100]!r}.{hint} There are: {', '.join(names)}."
