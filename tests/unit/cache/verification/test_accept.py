from cache.verification.accept import (
    PairAccepted,
    PairRefused,
    accept_pair,
)
from cache.verification.lexical_guard import Difference

NUMBER = (Difference("number", "3 against 4"),)


def test_the_bar_decides() -> None:
    assert isinstance(accept_pair(0.8, 0.8, 0.9, ()), PairAccepted)
    assert accept_pair(0.79, 0.8, 0.9, ()) == PairRefused(0.79, "score 0.790 below 0.800")


def test_the_guard_raises_the_bar() -> None:
    assert accept_pair(0.85, 0.8, 0.9, NUMBER) == PairRefused(0.85, "guard: another number")
    assert isinstance(accept_pair(0.95, 0.8, 0.9, NUMBER), PairAccepted)
