"""Time limits: the answer in time and begun in time, by what may be held against a deployment."""

import pytest

from runtime.speed.expected_speed import ExpectedSpeed
from runtime.speed.time_limits import Overrun, TimeLimits

MEASURED = ExpectedSpeed(1.0, 10.0, usual_tokens=50, measured=True, origin="measured")
ASSUMED = ExpectedSpeed(1.0, 10.0, usual_tokens=None, measured=False, origin="assumed")


def limits(
    left_s: float | None = None, begin_left_s: float | None = None, *, streams: bool = True
) -> TimeLimits:
    return TimeLimits(left_s, begin_left_s, streams, most_tokens=100)


@pytest.mark.parametrize(
    ("asked", "speed", "overrun"),
    [
        (limits(), MEASURED, None),
        (limits(6.0), MEASURED, None),
        (limits(5.9), MEASURED, Overrun("answer", 6.0, 5.9)),
        (limits(5.9), ASSUMED, None),  # nobody knows how long its answers are
        (limits(0.9), ASSUMED, Overrun("answer", 1.0, 0.9)),
        (limits(begin_left_s=1.0), MEASURED, None),
        (limits(begin_left_s=0.9), MEASURED, Overrun("begin", 1.0, 0.9)),
        (limits(begin_left_s=5.9, streams=False), MEASURED, Overrun("begin", 6.0, 5.9)),
        (limits(9.0, 0.9), MEASURED, Overrun("begin", 1.0, 0.9)),
        (limits(5.0, 0.9), MEASURED, Overrun("answer", 6.0, 5.0)),
    ],
)
def test_a_limit_is_held_against_what_is_expected(
    asked: TimeLimits, speed: ExpectedSpeed, overrun: Overrun | None
) -> None:
    assert asked.overrun(speed) == overrun
