import time

import pytest
import typer

from observability.reports.period import moment
from switchgear.options import moment_ms


@pytest.mark.parametrize("unit", ["s", "m", "h", "d", "w"])
def test_since_is_what_it_is_for_a_report(unit: str) -> None:
    before = time.time_ns() // 1_000_000
    at = moment_ms(f"3{unit}")
    after = time.time_ns() // 1_000_000
    assert moment(f"3{unit}", before) <= at <= moment(f"3{unit}", after)


def test_a_time_of_the_calendar_is_utc_unless_it_says_otherwise() -> None:
    assert moment_ms("1970-01-01T00:00:05") == 5_000
    assert moment_ms("1970-01-01T01:00:05+01:00") == 5_000


def test_what_is_no_time_is_told_with_the_right_forms() -> None:
    with pytest.raises(typer.BadParameter, match="'yesterday' is no time: write 45s, 90m"):
        moment_ms("yesterday")
