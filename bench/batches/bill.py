"""A month's bill with and without batches, by the price list: `python -m bench.batches.bill`.

Assumed: 8 million requests a month of about 1,200 prompt and 250 answer tokens; 70 % go to
gpt-4o-mini, 25 % to claude-sonnet-4-6, 5 % to claude-opus-4-6; 60 % of each may wait; 95 % of those
get the half price, the least that the table of batches promises, the rest are called at their tier.
"""

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from observability.price_lists import load_price_book
from observability.pricing.prices import Priced, PriceKey, Processing
from producers.contract import Usage

REQUESTS: Final = 8_000_000
SAMPLE: Final = 80_000
SHARES: Final = (
    (PriceKey("openai", "gpt-4o-mini"), 0.70),
    (PriceKey("anthropic", "claude-sonnet-4-6"), 0.25),
    (PriceKey("anthropic", "claude-opus-4-6"), 0.05),
)
MAY_WAIT: Final = 0.60
HALVED: Final = 0.95
PROMPT: Final = 1_200
ANSWER: Final = 250


def main() -> None:
    """Draws a sample of the month's requests and prices each both ways."""
    chance, book, now = random.Random(1), load_price_book(), datetime.now(UTC)
    plain = batched = Decimal(0)
    for _ in range(SAMPLE):
        key = chance.choices([key for key, _ in SHARES], [share for _, share in SHARES])[0]
        usage = Usage(
            input_uncached=int(chance.lognormvariate(0, 0.5) * PROMPT),
            output=int(chance.lognormvariate(0, 0.5) * ANSWER),
        )
        waits = chance.random() < MAY_WAIT and chance.random() < HALVED
        processing: Processing = "batch" if waits else "standard"
        plain += _cost(book.cost(key, usage, now))
        batched += _cost(book.cost(key, usage, now, processing))
    scale = Decimal(REQUESTS) / SAMPLE / 1_000_000
    told = {
        "usd_a_month_at_once": round(float(plain * scale)),
        "usd_a_month_with_batches": round(float(batched * scale)),
        "saved_share": round(float(1 - batched / plain), 3),
    }
    print(json.dumps(told, indent=2))


def _cost(price: object) -> Decimal:
    assert isinstance(price, Priced), price
    return price.micro_usd


if __name__ == "__main__":
    main()
