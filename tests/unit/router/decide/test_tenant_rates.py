"""Is as much admitted as a limit says, and not more, whatever order it comes in?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.decide.tenant_rates import RateExceeded, TenantRates
from runtime.config.catalog import TenantLimits

TEN = TenantLimits(requests_s=10)


def test_a_windows_grant_may_come_at_once_then_as_time_goes() -> None:
    rates = TenantRates()
    admitted = [rates.admit_request("a", TEN, 1, 100.0) is None for _ in range(15)]
    assert admitted == [True] * 10 + [False] * 5
    refused = rates.admit_request("a", TEN, 1, 100.0)
    assert isinstance(refused, RateExceeded)
    assert refused.wait_s == pytest.approx(0.1)
    assert rates.admit_request("a", TEN, 1, 100.101) is None
    assert rates.admit_request("a", TEN, 1, 100.101) is not None


def test_accounts_do_not_touch_one_another() -> None:
    rates = TenantRates()
    for _ in range(10):
        assert rates.admit_request("a", TEN, 1, 0.0) is None
    assert rates.admit_request("a", TEN, 1, 0.0) is not None
    assert rates.admit_request("b", TEN, 1, 0.0) is None


def test_what_one_limit_refuses_no_other_counts() -> None:
    rates = TenantRates()
    both = TenantLimits(requests_s=2, bytes_s=100)
    assert rates.admit_request("a", both, 100, 0.0) is None
    for _ in range(50):
        refused = rates.admit_request("a", both, 100, 0.0)
        assert refused is not None
        assert refused.unit == "bytes/s"
    assert rates.admit_request("a", both, 100, 1.0) is None


def test_what_is_larger_than_a_window_waits_for_all_of_it() -> None:
    rates = TenantRates()
    limits = TenantLimits(tokens_min=60)
    assert rates.admit_tokens("a", limits, 600, 0.0) is None
    refused = rates.admit_tokens("a", limits, 600, 0.0)
    assert refused is not None
    assert refused.wait_s == 600
    assert rates.admit_tokens("a", limits, 600, 600.0) is None


def test_without_limits_nothing_is_refused_or_kept() -> None:
    rates = TenantRates()
    for number in range(1000):
        assert rates.admit_request(f"{number}", TenantLimits(), 10**6, 0.0) is None
    assert rates._due_s == {}  # noqa: SLF001 memory can't be seen otherwise


def test_a_refusal_says_whose_limit_it_is_and_when_to_come_again() -> None:
    refused = RateExceeded("tokens/min", 6000, 1.25)
    assert (
        refused.message("acme") == "tenant 'acme' has used its 6000 tokens/min: try again in 1.2 s"
    )
    assert "without a section" in refused.message("*")


@settings(max_examples=60)
@given(st.lists(st.floats(0, 0.5), max_size=60))
def test_never_more_than_the_rate_and_one_window(pauses: list[float]) -> None:
    rates, now_s, admitted = TenantRates(), 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        admitted += rates.admit_request("a", TEN, 1, now_s) is None
    assert admitted <= 10 + now_s * 10 + 1e-6
