import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.reports.wilson import wilson


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.27753), (1, 10, 0.01788, 0.40415), (50, 100, 0.40383, 0.59617)],
)
def test_known_intervals(count: int, of: int, low: float, high: float) -> None:
    rate = wilson(count, of)
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-5)


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_the_interval_holds_the_rate_and_stays_a_share(count: int, of: int) -> None:
    rate = wilson(min(count, of), of)
    assert rate.value is not None
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0).value is None
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
