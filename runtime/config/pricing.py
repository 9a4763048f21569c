"""Price of a deployment's call: what does it cost today?"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol, TypeAlias, TypeVar

from observability.pricing.prices import (
    CallPrice,
    Price,
    PriceBook,
    Priced,
    PriceKey,
    Processing,
    TokenRates,
    Unpriced,
)
from producers.contract import Attempt, MicroUsd, Usage
from runtime.config.catalog import Deployment

_DAY_S: Final = 86_400
_MOST_PREPARED: Final = 10_000
_ANYWHERE: Final = "global."
"""How Bedrock's global inference profiles begin: their price is the global one, from any region."""
_T = TypeVar("_T")
_Prepared: TypeAlias = tuple[Deployment, CallPrice | Unpriced]


class Pricing:
    """The price book, asked by deployment: prepared for each when it is first asked on a day."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._day_ends = 0
        self._prepared: dict[tuple[int, Processing], _Prepared] = {}

    def price(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Price:
        """Of `usage` now, with the version of the list that says so."""
        # by identity: the entry keeps its deployment alive, so that no other gets its place
        entry = self._prepared.get((id(deployment), processing))
        if entry is None or time.time() >= self._day_ends:
            entry = self._prepare(deployment, processing)
        prepared = entry[1]
        return prepared if isinstance(prepared, Unpriced) else prepared.of(usage)

    def price_of(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Decimal | None:
        """Micro-dollars of `usage` now; None = unpriced."""
        price = self.price(deployment, usage, processing)
        return price.micro_usd if isinstance(price, Priced) else None

    def marginal_price_of(self, deployment: Deployment, usage: Usage) -> Decimal | None:
        """What one more call costs, for whoever chooses: nothing where it is paid for already."""
        if is_committed(deployment):
            return Decimal(0)
        return self.price_of(deployment, usage)

    def rates_of(self, deployment: Deployment) -> TokenRates | None:
        """Micro-dollars per token of each kind now; None = unpriced."""
        now = datetime.now(UTC)
        rates = (self._book.rates(key, now) for key in _keys(deployment))
        return next((known for known in rates if known is not None), None)

    def listed(
        self, deployment: Deployment, processing: Processing = "standard"
    ) -> tuple[TokenRates, str] | Unpriced:
        """Today's rates with the version of their list, whatever the deployment's own price is."""
        now = datetime.now(UTC)
        return _known([self._book.listed(key, now, processing) for key in _keys(deployment)])

    def _prepare(self, deployment: Deployment, processing: Processing) -> _Prepared:
        now = int(time.time())
        if now >= self._day_ends or len(self._prepared) > _MOST_PREPARED:
            self._prepared.clear()
            self._day_ends = (now // _DAY_S + 1) * _DAY_S
        entry = deployment, self.at(deployment, datetime.now(UTC), processing)
        self._prepared[id(deployment), processing] = entry
        return entry

    def at(
        self, deployment: Deployment, at: datetime, processing: Processing = "standard"
    ) -> CallPrice | Unpriced:
        """What holds for the deployment's calls on the day of `at` (aware)."""
        own = deployment.price
        return _known([self._book.prepared(key, at, processing, own) for key in _keys(deployment)])


def _keys(deployment: Deployment) -> Iterator[PriceKey]:
    """By the model's name, and where a list has none of it, by the one that the provider uses."""
    wire_model, region = deployment.wire_model, deployment.region
    if wire_model is not None and wire_model.startswith(_ANYWHERE):
        region = "global"
    yield PriceKey(deployment.provider, deployment.model, region)
    if wire_model is not None and wire_model != deployment.model:
        yield PriceKey(deployment.provider, wire_model, region)


def _known(prices: Sequence[_T | Unpriced]) -> _T | Unpriced:
    """The first that is known, else what is wrong with the first."""
    return next((price for price in prices if not isinstance(price, Unpriced)), prices[0])


def is_committed(deployment: Deployment) -> bool:
    """Whether its throughput is paid for, used or not."""
    return deployment.price is not None and deployment.price.committed


class PriceOf(Protocol):
    """Today's prices."""

    def __call__(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Decimal | None:
        """Micro-dollars of a call with this usage; None = unpriced."""
        ...


def billed(attempts: Sequence[Attempt]) -> MicroUsd | None:
    """The sum of all attempts; None ("unpriced") as soon as one that used tokens has no price."""
    total = Decimal(0)
    for attempt in attempts:
        if attempt.usage is None:
            continue
        if attempt.cost_micro_usd is None:
            return None
        total += attempt.cost_micro_usd
    return total
