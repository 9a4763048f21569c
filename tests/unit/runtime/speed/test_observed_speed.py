"""Observed speed: means that follow what a deployment does now and forget what it did."""

import pytest

from runtime.speed.observed_speed import (
    HALF_LIFE_S,
    ObservedSpeed,
    SpeedSample,
    faded,
    merged,
    speed_after,
    speed_after_silence,
)


def after(*samples: SpeedSample, every_s: float = 1.0) -> ObservedSpeed:
    speed = ObservedSpeed()
    for number, sample in enumerate(samples):
        speed = speed_after(speed, sample, number * every_s)
    return speed


def streamed(first_s: float = 0.5, tokens: int = 100, rate: float = 50.0) -> SpeedSample:
    return SpeedSample(first_s, first_s + tokens / rate, tokens)


def whole(total_s: float, tokens: int) -> SpeedSample:
    return SpeedSample(total_s, total_s, tokens)


def test_streams_tell_the_first_token_and_the_rate() -> None:
    speed = after(*[streamed(0.5, 100, 50.0)] * 4)
    assert speed.first_token_s == pytest.approx(0.5)
    assert speed.tokens_per_s == pytest.approx(50.0)
    assert speed.tokens == pytest.approx(100)
    assert 3.9 < speed.calls <= 4


def test_a_whole_answer_is_divided_as_the_streams_before_it() -> None:
    known = after(*[streamed(0.5, 100, 50.0)] * 20)
    speed = speed_after(known, whole(2.5, 100), 20.0)
    assert speed.first_token_s == pytest.approx(0.5)
    assert speed.tokens_per_s == pytest.approx(50.0)


def test_whole_answers_alone_foretell_their_like() -> None:
    speed = after(*[whole(3.0, 60)] * 6)
    assert speed.tokens_per_s is not None
    assert speed.first_token_s + 60 / speed.tokens_per_s == pytest.approx(3.0)


def test_an_answer_without_tokens_is_all_first_token() -> None:
    speed = after(whole(0.2, 0))
    assert speed.first_token_s == pytest.approx(0.2)
    assert speed.tokens_per_s is None


def test_a_deployment_that_becomes_slow_is_known_as_slow_after_some_calls() -> None:
    speed = after(*[streamed(0.2)] * 200, *[streamed(4.0)] * 20)
    assert speed.first_token_s > 2


def test_numbers_at_the_edge_of_floats_have_no_rate() -> None:
    assert ObservedSpeed(9, 1.0, 5e-324, 1e9).tokens_per_s is None
    assert ObservedSpeed(9, 1.0, 0.0, 0.0).tokens_per_s is None


def test_the_weight_halves_with_time_and_the_means_stay() -> None:
    speed = after(*[streamed()] * 10, every_s=0)
    later = faded(speed, HALF_LIFE_S)
    assert later.calls == pytest.approx(speed.calls / 2)
    assert later.first_token_s == speed.first_token_s
    fresh = speed_after(faded(speed, 20 * HALF_LIFE_S), streamed(3.0), 20 * HALF_LIFE_S)
    assert fresh.first_token_s == pytest.approx(3.0, rel=0.01)


def test_silence_counts_as_slow() -> None:
    speed = speed_after_silence(ObservedSpeed(), 1.0, 0.0)
    assert speed.first_token_s == pytest.approx(2.0)
    slow = after(*[streamed(5.0)] * 10)
    assert speed_after_silence(slow, 1.0, 10.0).first_token_s == pytest.approx(5.0)


def test_the_fleet_is_the_mean_of_its_workers_by_their_calls() -> None:
    busy = ObservedSpeed(9, 1.0, 100, 2.0, age_s=7)
    idle = ObservedSpeed(1, 2.0, 200, 4.0, age_s=90)
    fleet = merged([busy, idle, ObservedSpeed()])
    assert (fleet.calls, fleet.age_s) == (10, 7)
    assert fleet.first_token_s == pytest.approx(1.1)
    assert fleet.tokens_per_s == pytest.approx(50)
    assert merged([]) == ObservedSpeed()
