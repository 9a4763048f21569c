"""Forecast of the month's cost (seasonal naive), and its split by largest remainders."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from statistics import fmean, pstdev
from typing import Final, TypeVar

_Name = TypeVar("_Name", str, tuple[str, ...])
_Z90: Final = 1.645
_WEEKS: Final = 4


@dataclass(frozen=True, slots=True)
class DayCost:
    """One whole day's cost, micro-dollars."""

    day: date
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Forecast:
    """Micro-dollars: spent this month, and at its end with a 90 % interval."""

    spent: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    days: int
    """Whole days that the forecast rests on; with fewer than 7 it is a guess."""


def to_month_end(history: Sequence[DayCost], spent_today: Decimal, today: date) -> Forecast:
    """Each day left costs what its weekday cost on average in the last four weeks.

    history: whole days before `today`, those without cost included as 0. The interval assumes that
    days err independently, by the spread around their weekday's mean (seasonal naive method,
    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 5.2).
    """
    spent = spent_today + sum((d.cost for d in history if _same_month(d.day, today)), Decimal(0))
    recent = [d for d in history if d.day >= today - timedelta(weeks=_WEEKS)]
    if not recent:
        return Forecast(spent, spent, spent, spent, 0)
    means = _weekday_means(recent)
    left = _days_left(today)
    rest = sum(means[day.weekday()] for day in left)
    rest += max(0.0, means[today.weekday()] - float(spent_today))
    errors = [float(d.cost) - means[d.day.weekday()] for d in recent]
    margin = _Z90 * pstdev(errors) * math.sqrt(len(left) + 1)
    expected = spent + Decimal(round(rest))
    low = max(spent, expected - Decimal(round(margin)))
    return Forecast(spent, expected, low, expected + Decimal(round(margin)), len(recent))


def shares(costs: Mapping[_Name, Decimal], amount: Decimal) -> dict[_Name, Decimal]:
    """`amount` (of the smallest unit, a whole number) split by cost so that the parts add up to it.

    Largest remainders get the units that rounding down leaves; without any cost, all split evenly.
    """
    if not costs:
        return {}
    whole = sum(costs.values())
    weights = costs if whole > 0 else dict.fromkeys(costs, Decimal(1))
    whole = sum(weights.values())
    exact = {name: amount * weight / whole for name, weight in weights.items()}
    parts = {name: part.to_integral_value(ROUND_DOWN) for name, part in exact.items()}
    left = int(amount - sum(parts.values()))
    by_remainder = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in by_remainder[:left]:
        parts[name] += 1
    return parts


def _weekday_means(days: Sequence[DayCost]) -> dict[int, float]:
    """A weekday that wasn't seen yet counts as the mean of all days."""
    overall = fmean(float(d.cost) for d in days)
    seen = {
        weekday: [float(d.cost) for d in days if d.day.weekday() == weekday] for weekday in range(7)
    }
    return {weekday: fmean(costs) if costs else overall for weekday, costs in seen.items()}


def _days_left(today: date) -> list[date]:
    """The days of the month after `today`."""
    days = (today + timedelta(days=n) for n in range(1, 32))
    return [day for day in days if _same_month(day, today)]


def _same_month(one: date, other: date) -> bool:
    return (one.year, one.month) == (other.year, other.month)
