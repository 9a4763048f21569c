"""Batch limits of the providers: data, each with its source and the day on which it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one batch, and all open ones of a deployment together, may hold."""

    requests: int
    size: int
    """Bytes."""
    source: str
    as_of: str
    """The day, ISO 8601."""
    fewest: int = 1
    """Requests below which the provider takes no batch."""
    queued_requests: int | None = None
    """In all open batches together; None: not limited by number."""
    cancel_s: float = 900.0
    """Until a cancelled batch has ended; a prior, the batches' own times are learned."""
    custom_id: int = 64
    """Characters of a request's id."""


_MIB: Final = 1 << 20
LIMITS: Final[Mapping[str, BatchLimits]] = {
    "openai": BatchLimits(
        50_000,
        200 * _MIB,
        "OpenAI's Batch guide and openai-python's types",
        "2026-11-26",
        cancel_s=1_800,
    ),
    "azure": BatchLimits(
        50_000,
        200 * _MIB,
        "Azure's global batch page says 100,000, its REST reference 50,000: the lower one",
        "2026-11-26",
        cancel_s=1_800,
    ),
    "anthropic": BatchLimits(
        100_000,
        256 * _MIB,
        "Claude's batch guide and rate limit page (the smallest tier's queue)",
        "2026-11-26",
        queued_requests=100_000,
    ),
    "mistral": BatchLimits(
        100_000,
        512 * _MIB,
        "Mistral's guide says 1,000,000, its known limitations 100,000: the lower one",
        "2026-11-26",
        queued_requests=1_000_000,
    ),
    "aws": BatchLimits(
        50_000,
        1024 * _MIB,
        "Bedrock's service quotas by model; at least 100 records by default",
        "2026-11-26",
        fewest=100,
    ),
}
"""By the price book's provider."""


def batch_limits_of(provider: str) -> BatchLimits | None:
    """None: the provider has no batch interface that we speak."""
    return LIMITS.get(provider)
