from cache.verification.accept import (
    PairAccepted,
    PairRefused,
    accept_pair,
    objections_to_reading,
)
from cache.verification.lexical_guard import Difference

NUMBER = (Difference("number", "3 against 4"),)


def test_the_bar_decides() -> None:
    assert isinstance(accept_pair(0.8, 0.8, 0.9, ()), PairAccepted)
    assert accept_pair(0.79, 0.8, 0.9, ()) == PairRefused(0.79, "score 0.790 below 0.800")


def test_the_guard_raises_the_bar() -> None:
    assert accept_pair(0.85, 0.8, 0.9, NUMBER) == PairRefused(0.85, "guard: another number")
    assert isinstance(accept_pair(0.95, 0.8, 0.9, NUMBER), PairAccepted)


def test_outside_of_english_a_reading_hears_what_is_decisive_and_numbers() -> None:
    sign, name = Difference("sign", "", is_decisive=True), Difference("name", "wie against was")
    found = (sign, *NUMBER, name)
    assert objections_to_reading(found, is_english=True) == found
    assert objections_to_reading(found, is_english=False) == (sign, *NUMBER)
