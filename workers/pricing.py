"""What does a call of a deployment cost today?"""

from datetime import UTC, datetime
from decimal import Decimal

from observability.prices import PriceBook, Priced, PriceKey
from producers.messages import Usage

from .catalog import Deployment


class Pricing:
    """The price book, asked by deployment."""

    def __init__(self, book: PriceBook) -> None:
        self._book = book

    def price_of(self, deployment: Deployment, usage: Usage) -> Decimal | None:
        """Micro-dollars of `usage` now; None = unpriced."""
        key = PriceKey(deployment.provider, deployment.model, deployment.region)
        price = self._book.cost(key, usage, datetime.now(UTC), override=deployment.price)
        return price.micro_usd if isinstance(price, Priced) else None
