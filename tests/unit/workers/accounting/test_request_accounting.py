"""Which calls an account doesn't tell."""

from producers.contract import Attempt
from workers.accounting.request_accounting import unbooked


def test_a_usage_event_that_cannot_be_read_bills_no_call() -> None:
    called = (Attempt(deployment="eco-a", outcome="timeout", cost_micro_usd=7),)
    assert unbooked(called, None) == called
    assert unbooked(called, b"of another version") == called
    assert unbooked((), b"of another version") == ()
