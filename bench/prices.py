"""Price comparison: our table against the pinned genai-prices, over all models of the catalogue.

    python -m bench.prices

Every row of `prices.yaml` that holds today and every deployment of `switchgear.yaml`, each kind of
token in each way of processing. A difference is either in EXPLAINED, with its reason, or a mistake
of one of the two lists: then the command ends with status 1.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Final, get_args

import yaml

from observability.price_lists import genai_rates, load_price_book
from observability.pricing.prices import PriceBook, PriceKey, Processing, TokenRates

_KINDS: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "input_audio",
    "input_audio_cached",
    "output_audio",
    "web_search",
    "above",
)
_CATALOGUE: Final = Path(__file__).parents[1] / "switchgear.yaml"

_INFERENCE_PROFILE: Final = (
    "theirs takes the bare model id for a regional profile, which is 10 % dearer"
)
_DATA_ZONE: Final = (
    "theirs knows one price of Azure, the global one; a data zone or region is 10 % dearer"
)
EXPLAINED: Final[Mapping[PriceKey, str]] = {
    PriceKey("aws", "claude-sonnet-4-6"): _INFERENCE_PROFILE,
    PriceKey("aws", "claude-opus-4-6"): _INFERENCE_PROFILE,
    PriceKey("azure", "gpt-4o", "*"): _DATA_ZONE,
    PriceKey("azure", "gpt-4o-mini", "*"): _DATA_ZONE,
}
"""Why our price of a model is another than theirs."""


@dataclass(frozen=True, slots=True)
class PriceDifference:
    """One kind of one model that the two lists price differently, in USD per million tokens."""

    key: PriceKey
    processing: Processing
    kind: str
    own: object
    theirs: object

    @property
    def reason(self) -> str | None:
        """Why it is so; None = nobody has said."""
        return EXPLAINED.get(self.key)


def compared_keys() -> list[PriceKey]:
    """Every model with a price of ours, and every deployment of the catalogue."""
    text = files("observability").joinpath("prices.yaml").read_text("utf-8")
    rows = yaml.safe_load(text)["rows"]
    keys = {
        PriceKey(row["provider"], model, row.get("region", "global")): None
        for row in rows
        for model in row["models"]
    }
    deployments = yaml.safe_load(_CATALOGUE.read_text("utf-8"))["deployments"].values()
    keys |= {PriceKey(entry["provider"], entry["model"]): None for entry in deployments}
    return list(keys)


def differences(book: PriceBook, now: datetime) -> Iterator[PriceDifference]:
    """What both lists price, and not alike. A list that has no price of a kind contradicts none."""
    for key in compared_keys():
        for processing in get_args(Processing):
            own = book.rates(key, now, processing)
            theirs = genai_rates(key, now.date(), processing)
            if own is not None and theirs is not None:
                yield from _between(key, processing, own, theirs)


def _between(
    key: PriceKey, processing: Processing, own: TokenRates, theirs: TokenRates
) -> Iterator[PriceDifference]:
    for kind in _KINDS:
        ours, other = getattr(own, kind), getattr(theirs, kind)
        if ours is not None and other is not None and ours != other:
            yield PriceDifference(key, processing, kind, ours, other)


def main() -> int:
    """Prints the differences."""
    unexplained = 0
    for each in differences(load_price_book(), datetime.now(UTC)):
        key, reason = each.key, each.reason
        unexplained += reason is None
        place = f"{key.provider} {key.model} ({key.region}, {each.processing})"
        amounts = f"{_shown(each.own)}, genai-prices {_shown(each.theirs)}"
        sys.stdout.write(f"{place}: {each.kind} {amounts}: {reason or 'UNEXPLAINED'}\n")
    return 1 if unexplained else 0


def _shown(price: object) -> str:
    return f"{price.normalize():f}" if isinstance(price, Decimal) else str(price)[:60]


if __name__ == "__main__":
    raise SystemExit(main())
