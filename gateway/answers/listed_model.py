"""Listed model: a value that `model` may have in a request."""

from dataclasses import dataclass


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
