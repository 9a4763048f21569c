import numpy as np
import pytest

from observability.evaluation.statistics.bootstrap import clustered_difference, ratio_interval
from observability.evaluation.statistics.multiple_candidates import holm_levels
from observability.evaluation.statistics.quantiles import ranked_quantile
from observability.evaluation.statistics.rater_agreement import (
    prediction_powered_mean,
    rater_agreement,
)
from observability.evaluation.statistics.sample_size import (
    cases_not_worse,
    least_margin,
)


@pytest.mark.parametrize(
    ("discordance", "margin", "cases"),
    [(0.05, 0.02, 982), (0.10, 0.02, 1963), (0.20, 0.03, 1745), (0.05, 0.05, 157)],
)
def test_cases_that_show_not_worse(discordance: float, margin: float, cases: int) -> None:
    assert cases_not_worse(discordance, margin) == cases
    assert least_margin(discordance, cases) == pytest.approx(margin, abs=1e-4)


def test_holm_steps_down_until_one_fails() -> None:
    def by_p(*p_values: float) -> tuple[float, ...]:
        return holm_levels(p_values, lambda place, level: p_values[place] <= level, 0.05)

    assert by_p(0.001, 0.5, 0.015) == pytest.approx((0.05 / 3, 0.05, 0.025))
    assert by_p(0.04, 0.03, 0.02) == pytest.approx((0.05 / 3,) * 3)
    assert by_p() == ()


def test_a_test_that_tells_nothing_grants_no_looser_level_whatever_its_p() -> None:
    levels = holm_levels([0.001, 0.002], lambda _place, _level: False, 0.05)
    assert levels == pytest.approx((0.025, 0.025))


def test_turns_of_one_conversation_count_as_one() -> None:
    chance = np.random.default_rng(2)
    # ten turns each, alike: two hundred cases, twenty of them independent
    lost = [int(value) for value in chance.choice([0, -1], size=20, p=[0.8, 0.2]).repeat(10)]
    together = [str(place // 10) for place in range(200)]
    apart = [str(place) for place in range(200)]
    wide = clustered_difference(lost, together, np.random.default_rng(1), 0.025)
    narrow = clustered_difference(lost, apart, np.random.default_rng(1), 0.025)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_interval_of_a_ratio_of_sums() -> None:
    chance = np.random.default_rng(5)
    tokens = chance.integers(20, 400, 500).astype(float)
    low, high = ratio_interval(list(tokens * 3), list(tokens), np.random.default_rng(1))
    assert low == pytest.approx(3) == high
    costs = chance.exponential(3, 500)
    low, high = ratio_interval(list(costs), [1.0] * 500, chance)
    assert low < costs.mean() < high < low + 1


def test_quantiles_by_rank() -> None:
    times = [float(n) for n in range(1, 101)]
    assert (
        ranked_quantile(times, 0.5),
        ranked_quantile(times, 0.95),
        ranked_quantile([], 0.5),
    ) == (50, 95, None)
    assert ranked_quantile([7.0], 0.95) == 7


def test_agreement_beyond_chance_is_little_where_nearly_all_is_right() -> None:
    pairs = [(True, True)] * 865 + [(False, False)] * 30 + [(True, False)] * 60
    pairs += [(False, True)] * 45
    agreement = rater_agreement(pairs)
    assert agreement.agreement == pytest.approx(0.895)
    assert agreement.low < agreement.kappa < 0.4
    assert agreement.standing == "not usable"


def test_agreement_says_when_it_cant_tell() -> None:
    assert rater_agreement([]).standing == "unknown"
    assert rater_agreement([(True, True)] * 99).standing == "unknown"
    assert rater_agreement([(True, True)] * 500).standing == "not usable"
    assert rater_agreement([(True, True), (False, False)] * 80).standing == "trusted"


def test_labels_correct_a_judge_that_flatters() -> None:
    chance = np.random.default_rng(4)
    truth = chance.random(3000) < 0.8
    # it calls half of the bad answers good
    judge = truth | (chance.random(3000) < 0.5)
    labelled = [(float(judge[n]), float(truth[n])) for n in range(300)]
    corrected = prediction_powered_mean([float(each) for each in judge[300:]], labelled)
    people = prediction_powered_mean([], labelled)
    assert judge.mean() > 0.88
    assert corrected.low < 0.8 < corrected.high
    assert corrected.high - corrected.low < people.high - people.low


def test_two_labels_are_the_least() -> None:
    with pytest.raises(ValueError, match="two"):
        prediction_powered_mean([1.0], [(1.0, 1.0)])
