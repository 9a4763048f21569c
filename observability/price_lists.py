"""Price lists: `prices.yaml` beside this file, and the pinned `genai-prices` behind it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import yaml
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from observability.pricing.prices import (
    PriceBook,
    PriceKey,
    PriceRow,
    Processing,
    TokenRates,
    rates_of,
    scaled_rates,
)

_CONTEXT: Final[Mapping[Processing, Mapping[str, str]]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
"""What selects a variant in genai-prices; it ignores a context it doesn't know in silence."""


def load_price_book() -> PriceBook:
    """Our table over genai-prices. Reads a file of this package: once, at start."""
    document = yaml.safe_load(files(__package__).joinpath("prices.yaml").read_text("utf-8"))
    rows = [_row(entry) for entry in document["rows"]]
    own, behind = f"own:{document['version']}", f"genai-prices:{version('genai-prices')}"
    return PriceBook(rows, own, genai_rates, behind)


def genai_rates(key: PriceKey, on: date, processing: Processing) -> TokenRates | None:
    """The rates of genai-prices; None when it knows no such model or no such processing."""
    try:
        _, model = get_snapshot().find_provider_model(key.model, None, key.provider, None)
    except LookupError:
        return None
    context = _CONTEXT[processing]
    if context and not _offers(model, context):
        return None
    return _genai(model.get_prices(datetime.combine(on, time(), UTC), context))


def _row(entry: Mapping[str, Any]) -> PriceRow:
    standard = _rates(entry)
    rates: dict[Processing, TokenRates] = {"standard": standard}
    for processing, price in entry.get("processing", {}).items():
        own = isinstance(price, Mapping)
        rates[processing] = _rates(price) if own else scaled_rates(standard, _decimal(price))
    models, region = tuple(entry["models"]), entry.get("region", "global")
    return PriceRow(entry["provider"], models, region, entry["from"], rates)


def _rates(entry: Mapping[str, Any]) -> TokenRates:
    names = ("cache_read", "cache_write", "cache_write_1h")
    read, written, written_1h = (_decimal(entry[name]) if name in entry else None for name in names)
    plain = rates_of(
        input=_decimal(entry["input"]),
        output=_decimal(entry["output"]),
        cache_read=read,
        cache_write_5m=written,
        cache_write_1h=written_1h,
    )

    def own(name: str) -> Decimal | None:
        return _decimal(entry[name]) if name in entry else None

    searches = own("web_searches")
    return replace(
        plain,
        input_audio=own("input_audio"),
        input_audio_cached=own("input_audio_cached"),
        input_image=own("input_image"),
        output_audio=own("output_audio"),
        web_search=None if searches is None else _per_search(searches),
        surcharges={how: _decimal(factor) for how, factor in entry.get("served", {}).items()},
    )


def _per_search(usd_per_1000: Decimal) -> Decimal:
    """Micro-dollars of one search."""
    return usd_per_1000 * 1000


def _decimal(number: float) -> Decimal:
    """The number as it is written in the file, not as binary floating point has it."""
    return Decimal(str(number))


def _offers(model: ModelInfo, context: Mapping[str, str]) -> bool:
    variants = model.price_variants or ()
    return any(dict(variant.when).items() <= context.items() for variant in variants)


def _genai(price: ModelPrice) -> TokenRates | None:
    """The price's rates at its base and above each threshold; None without input or output."""
    thresholds = {tier.start for value in _tiered(price) for tier in value.tiers}
    base = _genai_at(price, 0)
    if base is None:
        return None
    above = [(start, _genai_at(price, start + 1)) for start in sorted(thresholds)]
    dearer = tuple((start, rates) for start, rates in above if rates is not None)
    return replace(base, above=dearer)


def _tiered(price: ModelPrice) -> list[TieredPrices]:
    return [value for value in vars(price).values() if isinstance(value, TieredPrices)]


def _genai_at(price: ModelPrice, tokens: int) -> TokenRates | None:
    def at(name: str) -> Decimal | None:
        value: Decimal | TieredPrices | None = vars(price).get(name)
        if not isinstance(value, TieredPrices):
            return value
        reached = [tier.price for tier in value.tiers if tokens > tier.start]
        return reached[-1] if reached else value.base

    plain, output = at("input_mtok"), at("output_mtok")
    if plain is None or output is None:
        return None
    rates = rates_of(
        input=plain,
        output=output,
        cache_read=at("cache_read_mtok"),
        cache_write_5m=at("cache_write_mtok"),
        cache_write_1h=at("cache_write_1h_mtok"),
    )
    searches = at("web_searches_kcount")
    return replace(
        rates,
        input_audio=at("input_audio_mtok"),
        input_audio_cached=at("cache_audio_read_mtok"),
        output_audio=at("output_audio_mtok"),
        web_search=None if searches is None else _per_search(searches),
    )
