"""What does a call of a deployment cost today?"""

from datetime import UTC, datetime
from decimal import Decimal

from observability.prices import Price, PriceBook, Priced, PriceKey, Processing, Rates
from producers.messages import Usage
from runtime.config.catalog import Deployment


class Pricing:
    """The price book, asked by deployment."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def price(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Price:
        """Of `usage` now, with the version of the list that says so."""
        now, key = datetime.now(UTC), _key(deployment)
        return self._book.cost(key, usage, now, processing, deployment.price)

    def price_of(
        self, deployment: Deployment, usage: Usage, processing: Processing = "standard"
    ) -> Decimal | None:
        """Micro-dollars of `usage` now; None = unpriced."""
        price = self.price(deployment, usage, processing)
        return price.micro_usd if isinstance(price, Priced) else None

    def rates_of(self, deployment: Deployment) -> Rates | None:
        """Micro-dollars per token of each kind now; None = unpriced."""
        return self._book.rates(_key(deployment), datetime.now(UTC))


def _key(deployment: Deployment) -> PriceKey:
    return PriceKey(deployment.provider, deployment.model, deployment.region)
