import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.learn.estimate import Estimate, logit, prior_only, sigmoid


@given(st.floats(0.001, 0.999))
def test_a_logit_leads_back_to_its_probability(probability: float) -> None:
    assert sigmoid(logit(probability)) == pytest.approx(probability)


@given(st.floats(allow_nan=False))
def test_every_number_is_the_logit_of_a_probability(value: float) -> None:
    assert 0 < sigmoid(value) < 1


@given(st.floats(0, 1))
def test_certainty_has_a_finite_logit(probability: float) -> None:
    assert math.isfinite(logit(probability))


def test_without_outcomes_the_prior_stays() -> None:
    prior = Estimate(0.8, 0.6, 0.9)
    assert prior_only(("tenant", "task", "tier"), prior) is prior
