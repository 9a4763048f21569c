"""Listed model: a value that `model` may have in a request."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """US dollars per million tokens, today, at the cheapest deployment of a model."""

    input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A value that `model` may have."""

    id: str
    kind: str
    """`router`, `tier` or `model`."""

    capabilities: tuple[str, ...] = ()
    context_window: int | None = None
    """Tokens; None for a tier, whose models differ."""

    tiers: tuple[str, ...] = ()
    """The tiers that serve the model."""

    price: ListedPrice | None = None
    """None: of a tier, or not known."""
