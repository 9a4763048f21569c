"""Repriced usage: the recorded usage at other models, or at another day's prices.

Tokens are what was billed. A model of another family splits the same text into more or fewer of
them, so they are scaled by both families' bytes per token. A price that depends on a prompt's
length is taken at its first step: sums don't know single prompts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, TypeAlias

from observability.ledger.ledger import LedgerReader
from observability.pricing.prices import CallPrice, Priced
from observability.reports.period import IN_PERIOD, ReportPeriod
from producers.contract import Usage

TEXT_KINDS: Final = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """What one deployment billed over the period. cost: micro-dollars of what has a price."""

    deployment: str
    model: str
    requests: int
    usage: Usage
    """The tokens of text together."""
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Substitute:
    """The place that would have served instead. price: None = unpriced."""

    deployment: str
    model: str
    price: CallPrice | None
    token_factor: Decimal
    """Its tokens for a token of the model that served."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One deployment's usage, and what it would have cost elsewhere. Money: micro-dollars."""

    billed: BilledUsage
    instead: Substitute
    cost: Decimal | None
    """None: the substitute has no price."""


SubstituteOf: TypeAlias = Callable[[BilledUsage], Substitute]


def billed_usage(db: LedgerReader, period: ReportPeriod) -> list[BilledUsage]:
    """The usage of each deployment that was called, the dearest first."""
    sums = ", ".join(f"CAST(coalesce(sum({kind}), 0) AS BIGINT)" for kind in TEXT_KINDS)
    sql = (
        f"SELECT deployment, model, count(*), {sums}, sum(cost) FROM usage"  # noqa: S608 - fixed words
        f" WHERE {IN_PERIOD} AND deployment IS NOT NULL AND model IS NOT NULL GROUP BY 1, 2"
    )
    rows = [_billed(row) for row in db.rows(sql, period.parameters)]
    return sorted(rows, key=lambda row: (-row.cost, row.deployment))


def _billed(row: Sequence[Any]) -> BilledUsage:
    deployment, model, requests, *tokens, cost = row
    usage = Usage(**dict(zip(TEXT_KINDS, tokens, strict=True)))
    return BilledUsage(deployment, model, requests, usage, cost or Decimal(0))


def what_if(billed: Iterable[BilledUsage], substitute_of: SubstituteOf) -> list[WhatIf]:
    """Each deployment's usage at its substitute."""
    return [_at(usage, substitute_of(usage)) for usage in billed]


def _at(billed: BilledUsage, instead: Substitute) -> WhatIf:
    if instead.price is None:
        return WhatIf(billed, instead, None)
    counts = {
        kind: round(getattr(billed.usage, kind) * instead.token_factor) for kind in TEXT_KINDS
    }
    # all prompts together would reach every threshold
    price = replace(instead.price, rates=replace(instead.price.rates, above=()))
    cost = price.of(Usage(**counts))
    return WhatIf(billed, instead, cost.micro_usd if isinstance(cost, Priced) else None)


@dataclass(frozen=True, slots=True)
class WhatIfTotal:
    """All rows whose substitute has a price. Money: micro-dollars."""

    cost: Decimal
    instead: Decimal
    unpriced: int
    """Rows that are left out of both."""


def total_of(rows: Iterable[WhatIf]) -> WhatIfTotal:
    """What has no price is in neither sum: it would look like a saving."""
    cost, instead, unpriced = Decimal(0), Decimal(0), 0
    for row in rows:
        if row.cost is None:
            unpriced += 1
        else:
            cost, instead = cost + row.billed.cost, instead + row.cost
    return WhatIfTotal(cost, instead, unpriced)


def swaps_of(texts: Iterable[str]) -> Mapping[str, str]:
    """`gpt-4o=claude-haiku-4-5` as a mapping. ValueError that says the right form."""
    swaps: dict[str, str] = {}
    for text in texts:
        old, equals, new = text.partition("=")
        if not (equals and old.strip() and new.strip()):
            raise ValueError(f"{text!r} is no swap: write it as gpt-4o=claude-haiku-4-5")
        swaps[old.strip()] = new.strip()
    return swaps
