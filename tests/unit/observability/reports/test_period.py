import pytest

from observability.reports.period import ReportPeriod, moment, period

NOW = 1_772_323_200_000  # 2026-03-01T00:00:00Z
DAY = 86_400_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30d", NOW - 30 * DAY),
        ("90s", NOW - 90_000),
        ("90m", NOW - 90 * 60_000),
        ("24h", NOW - DAY),
        ("2w", NOW - 14 * DAY),
        ("2026-02-28", NOW - DAY),
        ("2026-03-01T01:00:00+01:00", NOW),
        ("2026-03-01T00:00Z", NOW),
    ],
)
def test_forms_of_a_moment(text: str, at: int) -> None:
    assert moment(text, NOW) == at


def test_a_typo_is_told_the_right_forms() -> None:
    with pytest.raises(ValueError, match="'30 days' is no time: write 45s, 90m, 24h, 30d"):
        moment("30 days", NOW)


def test_a_period_ends_now_unless_told() -> None:
    assert period("1d", None, NOW) == ReportPeriod(NOW - DAY, NOW)
    assert period("2d", "1d", NOW).days == 1
    with pytest.raises(ValueError, match="empty"):
        period("1d", "2d", NOW)
