"""Expected speed: what is measured outweighs what is assumed, and says which of them it is."""

from decimal import Decimal

import pytest

from producers.contract import Objective
from runtime.config.catalog import Catalog
from runtime.config.config_file import parse_config
from runtime.known.tables import known_tables
from runtime.speed.expected_speed import (
    AssumedSpeed,
    ExpectedSpeeds,
    assumed_speeds,
    expected_speed,
)
from runtime.speed.objective import rank
from runtime.speed.observed_speed import HALF_LIFE_S, ObservedSpeed, faded

ASSUMED = AssumedSpeed(1.0, 50.0, "assumed")


def catalog(**deployment: object) -> Catalog:
    line = {"model": "gpt-4o-mini", "provider": "openai", **deployment}
    return parse_config(
        f"default_baseline: d\ndeployments: {{d: {line}}}\ntiers: {{t: {{deployments: [d]}}}}\n"
        "models: {acme-chat: {}}\n"
    )


def test_without_calls_the_assumption_stands_and_is_not_measured() -> None:
    speed = expected_speed(ASSUMED, None)
    assert (speed.first_token_s, speed.tokens_per_s) == (1.0, 50.0)
    assert not speed.measured
    assert speed.origin == "assumed"
    assert speed.answer_s(100) == pytest.approx(3.0)


def test_many_calls_outweigh_it() -> None:
    speed = expected_speed(ASSUMED, ObservedSpeed(20, 0.1, 10, 0.05))
    assert speed.measured
    assert speed.origin == "measured, 20 calls lately"
    assert speed.first_token_s == pytest.approx(0.18, abs=0.01)
    assert speed.answer_s(4_000) < 0.35  # its answers have ten tokens


def test_an_old_measurement_is_held_against_nobody() -> None:
    slow = ObservedSpeed(20, 9.0, 10, 1.0)
    assert expected_speed(ASSUMED, slow).measured
    later = expected_speed(ASSUMED, faded(slow, HALF_LIFE_S + 1))
    assert not later.measured
    assert later.origin == "assumed"


def test_a_caller_who_allows_fewer_tokens_waits_for_those() -> None:
    speed = expected_speed(ASSUMED, ObservedSpeed(20, 0.1, 1_000, 10.0))
    assert speed.answer_s(10) < 0.4
    assert speed.answer_s(5_000) == pytest.approx(speed.answer_s(1_000))


def test_a_models_class_says_what_is_assumed_and_the_operator_more() -> None:
    known = known_tables()
    of_class = assumed_speeds(catalog(), known)["d"]
    assert of_class.first_token_s == known.speeds["economy"].first_token_s
    assert of_class.origin == "assumed: usual of its class, economy"
    own = assumed_speeds(catalog(speed={"tokens_per_s": 900}), known)["d"]
    assert own.tokens_per_s == 900
    assert own.first_token_s == of_class.first_token_s
    assert own.origin == "assumed: the operator's figure"
    unheard = assumed_speeds(catalog(model="acme-chat", price={"input_per_mtok": 1}), known)["d"]
    assert unheard.origin == "assumed: usual of a model that nobody knows"


def test_a_look_at_the_fleet_is_reckoned_once() -> None:
    speeds, seen = ExpectedSpeeds(catalog(), known_tables()), {"d": ObservedSpeed(20, 3, 10, 1)}
    assert speeds.by(seen)("d") is speeds.by(seen)("d")
    assert speeds.by({})("d").first_token_s < speeds.by(seen)("d").first_token_s


@pytest.mark.parametrize(
    ("objective", "best"),
    [("cost", "cheap"), ("latency", "fast"), ("balanced", "middling")],
)
def test_an_objective_ranks_by_price_and_time(objective: Objective, best: str) -> None:
    options = {
        "cheap": (Decimal(1), 10.0),
        "middling": (Decimal(3), 2.0),
        "fast": (Decimal(100), 0.5),
        "unpriced": (None, 1.0),
    }
    assert min(options, key=lambda name: rank(objective, *options[name])) == best
