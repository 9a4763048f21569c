from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from observability.reports.forecast import DayCost, shares, to_month_end

TODAY = date(2026, 3, 18)


def history(days: int, weekday: int, weekend: int) -> list[DayCost]:
    found = [TODAY - timedelta(days=n) for n in range(days, 0, -1)]
    return [DayCost(d, Decimal(weekend if d.weekday() >= 5 else weekday)) for d in found]


def test_a_regular_month_is_forecast_exactly() -> None:
    forecast = to_month_end(history(28, 100, 20), Decimal(100), TODAY)
    # 1-17 March: 12 weekdays and 5 weekend days; 18-31: 10 and 4
    assert forecast.spent == 12 * 100 + 5 * 20 + 100
    assert forecast.expected == forecast.spent + 9 * 100 + 4 * 20
    assert forecast.low == forecast.expected == forecast.high


def test_the_rest_of_today_is_expected_too() -> None:
    morning = to_month_end(history(28, 100, 20), Decimal(10), TODAY)
    evening = to_month_end(history(28, 100, 20), Decimal(100), TODAY)
    assert morning.expected == evening.expected


def test_irregular_days_widen_the_interval() -> None:
    uneven = [
        DayCost(entry.day, entry.cost + (50 if n % 14 < 7 else -50))
        for n, entry in enumerate(history(28, 100, 100))
    ]
    forecast = to_month_end(uneven, Decimal(100), TODAY)
    assert forecast.low < forecast.expected < forecast.high
    assert forecast.low >= forecast.spent


def test_without_history_nothing_is_invented() -> None:
    forecast = to_month_end([], Decimal(7), TODAY)
    assert forecast.spent == forecast.expected == 7
    assert forecast.days == 0


def test_the_last_day_of_a_month_adds_only_itself() -> None:
    last = date(2026, 3, 31)
    forecast = to_month_end([DayCost(date(2026, 3, 30), Decimal(100))], Decimal(40), last)
    assert forecast.expected == 200


costs = st.dictionaries(
    st.text(max_size=5), st.decimals(0, 10**9, places=6), min_size=1, max_size=20
)


@given(costs, st.integers(0, 10**9))
def test_shares_lose_no_cent_and_stray_by_less_than_one(
    by_name: dict[str, Decimal], amount: int
) -> None:
    parts = shares(by_name, Decimal(amount))
    assert sum(parts.values()) == amount
    whole = sum(by_name.values())
    if whole:
        for name, cost in by_name.items():
            assert abs(parts[name] - amount * cost / whole) < Decimal("1.000001")


def test_nobody_means_no_shares() -> None:
    assert shares({}, Decimal(100)) == {}
