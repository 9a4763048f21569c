"""Savings estimate: what a request would have cost otherwise, and what saved how much of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from observability.pricing.savings import PriceSteps, call_savings, hit_savings
from producers.contract import Attempt, MicroUsd, Savings, Usage
from runtime.config.catalog import Catalog, Deployment
from runtime.config.pricing import PriceOf, billed

_OVERTAKEN: Final = "overtaken"
"""The outcome of an attempt whose race another call has won."""


@dataclass(frozen=True, slots=True)
class SavingsEstimate:
    """Micro-dollars; None where a price is missing."""

    baseline: MicroUsd | None = None
    savings: Savings | None = None


def savings_of_call(
    catalog: Catalog, tenant: str, good: Attempt, failed: Sequence[Attempt], price_of: PriceOf
) -> SavingsEstimate:
    """Of the answer that the attempt `good` got, after or beside the `failed` ones."""
    usage, paid = good.usage or Usage(), good.cost_micro_usd
    wasted = billed([attempt for attempt in failed if attempt.outcome != _OVERTAKEN])
    overtaken = billed([attempt for attempt in failed if attempt.outcome == _OVERTAKEN])
    plain = _plain(usage)
    deployment = catalog.deployments[good.deployment]
    baseline = price_of(_baseline(catalog, tenant), plain)
    listed = price_of(deployment, plain)
    first = _first_listed(catalog, deployment)
    reference = listed if first is deployment else price_of(first, plain)
    # at standard processing: what flex or priority change is no merit of the prompt cache
    cached = listed if plain is usage else price_of(deployment, usage)
    if baseline is None or reference is None or listed is None or cached is None:
        return SavingsEstimate(baseline)
    if paid is None or wasted is None or overtaken is None:
        return SavingsEstimate(baseline)
    steps = PriceSteps(
        baseline=baseline,
        reference=reference,
        listed=listed,
        cached=cached,
        paid=paid,
        failed=wasted,
        overtaken=overtaken,
    )
    return SavingsEstimate(baseline, call_savings(steps))


def savings_of_hit(
    catalog: Catalog, tenant: str, usage: Usage, avoided: MicroUsd | None, price_of: PriceOf
) -> SavingsEstimate:
    """Of a cached answer. usage: what its call took; avoided: what that was billed."""
    baseline = price_of(_baseline(catalog, tenant), _plain(usage))
    if baseline is None or avoided is None:
        return SavingsEstimate(baseline)
    return SavingsEstimate(baseline, hit_savings(baseline, avoided))


def _plain(usage: Usage) -> Usage:
    """The same tokens with nothing of the prompt cached, served as usual: often `usage` itself."""
    if usage.input_total == usage.input_uncached and not usage.served and not usage.reasoning:
        return usage
    audio = usage.input_audio + usage.input_audio_cached
    return Usage(
        input_uncached=usage.input_total - audio - usage.input_image,
        output=usage.output,
        input_audio=audio,
        input_image=usage.input_image,
        output_audio=usage.output_audio,
        web_searches=usage.web_searches,
        unlisted=usage.unlisted,
    )


def _baseline(catalog: Catalog, tenant: str) -> Deployment:
    section = catalog.tenant(tenant)
    name = (section and section.baseline) or catalog.default_baseline
    return catalog.deployments[name]


def _first_listed(catalog: Catalog, used: Deployment) -> Deployment:
    """The place where the model runs that the configuration names first."""
    # no generator: this is asked for every call
    for entry in catalog.deployments.values():
        if entry.model == used.model:
            return entry
    return used
