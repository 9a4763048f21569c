"""Which tier or model does the caller name, and does it exist?"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from producers.messages import FailureCode, Request
from router.settings import PolicySettings
from workers.catalog import AUTO, Catalog


@dataclass(frozen=True, slots=True)
class Rejected:
    """No route. message: what is wrong and what would be right, for the one who sent it."""

    code: FailureCode
    message: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller names; None = the router's choice."""

    tier: str | None = None
    model: str | None = None


def wish_of(request: Request, catalog: Catalog, settings: PolicySettings) -> Wish | Rejected:
    """`routing.tier` goes before a tier in `model`; both are checked against the catalog."""
    named = settings.aliases.get(request.body.model, request.body.model)
    tier = request.routing.tier
    if tier is not None and tier != AUTO and tier not in catalog.tiers:
        return Rejected("unknown_tier", f"routing.tier: {_unknown('tier', tier, catalog.tiers)}")
    tier = None if tier == AUTO else tier
    if named == AUTO:
        return Wish(tier)
    if named in catalog.tiers:
        return Wish(tier or named)
    if named in catalog.models:
        return Wish(tier, named)
    known = [AUTO, *catalog.tiers, *catalog.models]
    return Rejected("unknown_model", f"model: {_unknown('model or tier', named, known)}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    nearest = get_close_matches(name, names, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"there is no {kind} {name[:100]!r}.{hint} There are: {', '.join(names)}."
