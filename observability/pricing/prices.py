"""Price book: what does a call cost, in micro-dollars?

Prices are data with validity dates. A deployment's own price comes first, then our table
(`prices.yaml`), then the pinned `genai-prices`; else the call is `Unpriced`, which is shown as
such and is never 0. A price in USD per million tokens is micro-dollars per token, so there is
nothing to convert. A `CallPrice` is prepared once per deployment and day: a cost is then a few
products.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from observability.pricing.own_price import PriceOverride
from producers.contract import MicroUsd, Usage

Processing: TypeAlias = Literal["standard", "batch", "flex", "priority"]
"""How the provider serves the call: batch and flex cost less, priority more."""


def processing_of(service_tier: object) -> Processing:
    """How a call was processed, from the `service_tier` that its answer tells."""
    match service_tier:
        case "batch" | "flex" | "priority":
            return service_tier
        case _:
            return "standard"


@dataclass(frozen=True, slots=True)
class PriceKey:
    """What a price belongs to. provider: openai, anthropic, mistral, aws, azure, self …"""

    provider: str
    model: str
    region: str = "global"


@dataclass(frozen=True, slots=True)
class TokenRates:
    """Micro-dollars per token of each kind.

    above: (a prompt's total tokens, the rates of a call whose prompt is longer), dearest last.
    """

    input: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    output: Decimal
    above: tuple[tuple[int, "TokenRates"], ...] = ()
    input_audio: Decimal | None = None
    """None = unpriced, as in the next four: never the price of text."""
    input_audio_cached: Decimal | None = None
    input_image: Decimal | None = None
    output_audio: Decimal | None = None
    web_search: Decimal | None = None
    """Micro-dollars for one search."""
    surcharges: Mapping[str, Decimal] = field(default_factory=dict)
    """By how a call was served (`Usage.served`): the factor on the price of its tokens."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One line of the table, valid from a day on. region `*`: any that no other row names.

    rates: for each way of processing that the provider offers.
    """

    provider: str
    models: tuple[str, ...]
    region: str
    valid_from: date
    rates: Mapping[Processing, TokenRates]


@dataclass(frozen=True, slots=True)
class Priced:
    """What a call costs; `version` says which table at which version said so."""

    micro_usd: MicroUsd
    version: str


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price is known; `reason` says what is missing."""

    reason: str
    kinds: tuple[str, ...] = ()
    """What was billed beside plain tokens, and has no price in the list."""


Price: TypeAlias = Priced | Unpriced
FallbackRates: TypeAlias = Callable[[PriceKey, date, Processing], TokenRates | None]
"""Another price list, asked where the table has no row."""

_RatesEntry: TypeAlias = tuple[TokenRates, str] | Unpriced


class PriceBook:
    """The table, and the list behind it."""

    def __init__(
        self,
        rows: Iterable[PriceRow],
        version: str,
        fallback: FallbackRates = lambda *_: None,
        fallback_version: str = "",
    ) -> None:
        self._rows: dict[tuple[str, str], list[PriceRow]] = {}
        for row in sorted(rows, key=lambda row: (row.valid_from, row.region != "*"), reverse=True):
            for model in row.models:
                self._rows.setdefault((row.provider, model), []).append(row)
        self._version = version
        self._fallback = fallback
        self._fallback_version = fallback_version
        self._entries: dict[tuple[PriceKey, date, Processing], _RatesEntry] = {}

    def cost(
        self,
        key: PriceKey,
        usage: Usage,
        at: datetime,
        processing: Processing = "standard",
        override: PriceOverride | None = None,
    ) -> Price:
        """The price of `usage` at `at` (aware); the override of its deployment comes first."""
        prepared = self.prepared(key, at, processing, override)
        return prepared if isinstance(prepared, Unpriced) else prepared.of(usage)

    def prepared(
        self,
        key: PriceKey,
        at: datetime,
        processing: Processing = "standard",
        override: PriceOverride | None = None,
    ) -> "CallPrice | Unpriced":
        """What holds for every call on the day of `at`, however large it is."""
        if override is not None and not override.is_off_list:
            return _own(override)
        entry = self._rates(key, at, processing)
        if isinstance(entry, Unpriced):
            return entry
        rates, version = entry
        if override is not None:
            rates = _discounted(rates, override, processing)
            version = f"{version}-negotiated"
        return CallPrice(rates, version, f"{key.model} at {key.provider} has no price for")

    def rates(
        self, key: PriceKey, at: datetime, processing: Processing = "standard"
    ) -> TokenRates | None:
        """The rates that hold at `at`, for whoever compares prices; None = unpriced."""
        listed = self.listed(key, at, processing)
        return None if isinstance(listed, Unpriced) else listed[0]

    def listed(
        self, key: PriceKey, at: datetime, processing: Processing = "standard"
    ) -> tuple[TokenRates, str] | Unpriced:
        """The rates that hold at `at`, and the version of the list that says so."""
        return self._rates(key, at, processing)

    def _rates(self, key: PriceKey, at: datetime, processing: Processing) -> _RatesEntry:
        lookup = key, at.astimezone(UTC).date(), processing
        entry = self._entries.get(lookup)
        if entry is None:
            entry = self._entries[lookup] = self._find(*lookup)
        return entry

    def _find(self, key: PriceKey, on: date, processing: Processing) -> _RatesEntry:
        row = self._row(key, on)
        if row is not None and processing in row.rates:
            return row.rates[processing], self._version
        rates = self._fallback(key, on, processing)
        if rates is not None:
            return rates, self._fallback_version
        what = f"{key.model} at {key.provider} ({key.region}), {processing}, on {on}"
        return Unpriced(f"no price for {what}: give the deployment a `price` of its own")

    def _row(self, key: PriceKey, on: date) -> PriceRow | None:
        """The youngest valid row; one that names the region goes before one for any region."""
        rows = self._rows.get((key.provider, key.model), ())
        valid = [row for row in rows if row.valid_from <= on and row.region in {key.region, "*"}]
        exact = (row for row in valid if row.region == key.region)
        return next(exact, valid[0] if valid else None)


@dataclass(frozen=True, slots=True)
class CallPrice:
    """The price of a deployment's calls on one day."""

    rates: TokenRates
    version: str
    missing: str
    """What is said of a kind of token that has no price, before its name."""
    every_token: MicroUsd = Decimal(0)
    """Of a GPU-hour, for each token whatever its kind."""
    tokens_apart: bool = True
    """Whether kinds of tokens that aren't text need a price of their own."""
    as_served: bool = True
    """Whether it matters how a call was served."""

    def of(self, usage: Usage) -> Price:
        """The price of a call with `usage`."""
        # text alone, served as usual: most calls, and every estimate
        if not (
            usage.served
            or usage.unlisted
            or usage.input_audio
            or usage.input_audio_cached
            or usage.input_image
            or usage.output_audio
            or usage.web_searches
        ):
            rates = _reached(self.rates, usage) if self.rates.above else self.rates
            cost = rates.input * usage.input_uncached + rates.output * usage.output
            if usage.cache_read:
                cost += rates.cache_read * usage.cache_read
            if usage.cache_write_5m or usage.cache_write_1h:
                cost += rates.cache_write_5m * usage.cache_write_5m
                cost += rates.cache_write_1h * usage.cache_write_1h
            if self.every_token:
                cost += self.every_token * (usage.input_total + usage.output)
            return Priced(cost, self.version)
        asked = usage if self.as_served else usage.model_copy(update={"served": ()})
        missing = unpriced_kinds(self.rates, asked) if self.tokens_apart else ()
        if missing:
            return Unpriced(f"{self.missing} {', '.join(missing)}", missing)
        tokens = usage.input_total + usage.output_total
        return Priced(charge(self.rates, asked) + self.every_token * tokens, self.version)


def charge(rates: TokenRates, usage: Usage) -> MicroUsd:
    """Micro-dollars for `usage`; a prompt above a threshold pays its rates for every token.

    Kinds without a price cost nothing here: ask `unpriced_kinds` first.
    """
    rates = _reached(rates, usage)
    tokens = (
        rates.input * usage.input_uncached
        + rates.cache_read * usage.cache_read
        + rates.cache_write_5m * usage.cache_write_5m
        + rates.cache_write_1h * usage.cache_write_1h
        + rates.output * usage.output
    )
    apart = _kinds_apart(rates, usage)
    tokens += sum((count * (rate or 0) for _, count, rate in apart), Decimal(0))
    for served in usage.served:
        tokens *= rates.surcharges.get(served, 1)
    return tokens + usage.web_searches * (rates.web_search or 0)


def unpriced_kinds(rates: TokenRates, usage: Usage) -> tuple[str, ...]:
    """What `usage` holds that `rates` can't price: the price of another kind would be a guess."""
    rates = _reached(rates, usage)
    missing = [name for name, count, rate in _kinds_apart(rates, usage) if count and rate is None]
    if usage.web_searches and rates.web_search is None:
        missing.append("web_searches")
    missing += [served for served in usage.served if served not in rates.surcharges]
    return (*missing, *usage.unlisted)


def _reached(rates: TokenRates, usage: Usage) -> TokenRates:
    """The rates of the highest threshold that the prompt exceeds."""
    total = usage.input_total
    for threshold, dearer in rates.above:
        if total > threshold:
            rates = dearer
    return rates


def _kinds_apart(rates: TokenRates, usage: Usage) -> tuple[tuple[str, int, Decimal | None], ...]:
    """(name, tokens, rate) of each kind of token that isn't text."""
    return (
        ("input_audio", usage.input_audio, rates.input_audio),
        ("input_audio_cached", usage.input_audio_cached, rates.input_audio_cached),
        ("input_image", usage.input_image, rates.input_image),
        ("output_audio", usage.output_audio, rates.output_audio),
    )


def scaled_rates(rates: TokenRates, factor: Decimal) -> TokenRates:
    """`rates` times `factor`, thresholds included."""
    if factor == 1:
        return rates

    def scaled(rate: Decimal | None) -> Decimal | None:
        return None if rate is None else rate * factor

    return replace(
        rates,
        input=rates.input * factor,
        cache_read=rates.cache_read * factor,
        cache_write_5m=rates.cache_write_5m * factor,
        cache_write_1h=rates.cache_write_1h * factor,
        output=rates.output * factor,
        above=tuple((threshold, scaled_rates(dearer, factor)) for threshold, dearer in rates.above),
        input_audio=scaled(rates.input_audio),
        input_audio_cached=scaled(rates.input_audio_cached),
        input_image=scaled(rates.input_image),
        output_audio=scaled(rates.output_audio),
    )


def _discounted(rates: TokenRates, override: PriceOverride, processing: Processing) -> TokenRates:
    """The list's rates less what was negotiated; searches cost what they cost."""
    usual = override.discount or Decimal(0)
    if processing == "batch" and override.batch_discount is not None:
        return scaled_rates(rates, 1 - override.batch_discount)
    less = scaled_rates(rates, 1 - usual)
    if override.cache_discount is None:
        return less
    return _with_cache_rates(less, rates, 1 - override.cache_discount)


def _with_cache_rates(rates: TokenRates, listed: TokenRates, factor: Decimal) -> TokenRates:
    above = zip(rates.above, listed.above, strict=True)
    return replace(
        rates,
        cache_read=listed.cache_read * factor,
        cache_write_5m=listed.cache_write_5m * factor,
        cache_write_1h=listed.cache_write_1h * factor,
        above=tuple(
            (threshold, _with_cache_rates(dearer, as_listed, factor))
            for (threshold, dearer), (_, as_listed) in above
        ),
    )


def rates_of(
    *,
    input: Decimal,  # noqa: A002 - the name that every price list uses
    output: Decimal,
    cache_read: Decimal | None = None,
    cache_write_5m: Decimal | None = None,
    cache_write_1h: Decimal | None = None,
) -> TokenRates:
    """Rates in which a kind without its own price costs what plain input costs."""
    written = input if cache_write_5m is None else cache_write_5m
    return TokenRates(
        input,
        input if cache_read is None else cache_read,
        written,
        written if cache_write_1h is None else cache_write_1h,
        output,
    )


def _own(override: PriceOverride) -> CallPrice | Unpriced:
    """The operator's own price: by the token, by the GPU-hour, or both added."""
    by_token = override.input_per_mtok is not None or override.output_per_mtok is not None
    by_hour = override.gpu_hour_usd is not None
    if not by_token and not by_hour:
        return Unpriced("the deployment's `price` names neither tokens nor GPU-hours")
    if by_hour and override.tokens_per_gpu_hour is None:
        return Unpriced(
            "the deployment's `price` needs `tokens_per_gpu_hour` beside `gpu_hour_usd`"
        )
    rates = rates_of(
        input=override.input_per_mtok or Decimal(0),
        output=override.output_per_mtok or Decimal(0),
        cache_read=override.cache_read_per_mtok,
    )
    # an operator's price holds however the call was served; a GPU-hour, whatever it made
    return CallPrice(
        rates,
        "own",
        "the deployment's `price` has none for",
        every_token=_of_gpu_hour(override),
        tokens_apart=by_token,
        as_served=False,
    )


def _of_gpu_hour(override: PriceOverride) -> MicroUsd:
    if override.gpu_hour_usd is None or override.tokens_per_gpu_hour is None:
        return Decimal(0)
    return override.gpu_hour_usd * 1_000_000 / override.tokens_per_gpu_hour
