"""Amounts of micro-dollars as people read them."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

MICRO_USD: Final = Decimal(1_000_000)
_CENT: Final = Decimal("0.01")


def usd(micro_usd: Decimal) -> str:
    """To the cent, or, below a dime, to three digits that matter: `$1,234.50`, `$0.00123`."""
    dollars = micro_usd / MICRO_USD
    sign = "-" if dollars < 0 else ""
    size = abs(dollars)
    if size == 0 or size >= Decimal("0.1"):
        return f"{sign}${size.quantize(_CENT, ROUND_HALF_EVEN):,}"
    digits = max(2, 2 - size.adjusted())
    return f"{sign}${size:.{digits}f}"


def cents(micro_usd: Decimal) -> Decimal:
    """Whole cents, half to even."""
    return (micro_usd / MICRO_USD * 100).to_integral_value(ROUND_HALF_EVEN)


def percent(part: Decimal, whole: Decimal) -> str:
    """A share for a person, `-` of nothing."""
    return f"{float(part / whole):.1%}" if whole else "-"
