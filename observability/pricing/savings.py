"""Savings attribution: what was saved on one request, and by which of our means?

Each means is credited with the step it makes from the price of the baseline model down to what was
paid, always in the same order, so that the parts add up to the whole and nothing counts twice.
"""

from dataclasses import dataclass
from decimal import Decimal

from producers.contract import MicroUsd, Savings


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSteps:
    """The price of one answer's tokens, micro-dollars, from the dearest way to the one taken.

    The first three with no input cached, at standard processing.
    """

    baseline: MicroUsd
    """The tenant's baseline model."""
    reference: MicroUsd
    """The model used, at its first-listed deployment."""
    listed: MicroUsd
    """The model used, at the deployment used."""
    cached: MicroUsd
    """As listed, with the input that the provider's prompt cache discounted or surcharged."""
    paid: MicroUsd
    """The invoice, so at the processing that served the call (batch, flex, priority) too."""
    failed: MicroUsd = Decimal(0)
    """Paid for attempts that gave no answer."""
    overtaken: MicroUsd = Decimal(0)
    """Paid for calls that another one, begun beside them, overtook."""


def call_savings(steps: PriceSteps) -> Savings:
    """The savings of a call: they add up to baseline - paid - failed - overtaken."""
    return Savings(
        routing=steps.baseline - steps.reference,
        cloud=steps.reference - steps.listed,
        prompt_cache=steps.listed - steps.cached,
        batch=steps.cached - steps.paid,
        retries=-steps.failed,
        hedges=-steps.overtaken,
    )


def hit_savings(
    baseline: MicroUsd, avoided: MicroUsd | None, failed: MicroUsd = Decimal(0)
) -> Savings:
    """The savings of a cache hit. avoided: what the cached answer's call had cost, if known."""
    cache = baseline if avoided is None else avoided
    return Savings(routing=baseline - cache, cache=cache, retries=-failed)


def total(savings: Savings) -> MicroUsd:
    """All parts together."""
    parts = savings.routing, savings.cloud, savings.prompt_cache, savings.batch
    return sum(parts, savings.cache + savings.retries + savings.hedges + savings.judge)
