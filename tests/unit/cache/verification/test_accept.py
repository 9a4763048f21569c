from cache.accept import Accepted, Refused, decide
from cache.guard import Difference

NUMBER = (Difference("number", "3 against 4"),)


def test_the_bar_decides() -> None:
    assert isinstance(decide(0.8, 0.8, 0.9, ()), Accepted)
    assert decide(0.79, 0.8, 0.9, ()) == Refused(0.79, "score 0.790 below 0.800")


def test_the_guard_raises_the_bar() -> None:
    assert decide(0.85, 0.8, 0.9, NUMBER) == Refused(0.85, "guard: another number")
    assert isinstance(decide(0.95, 0.8, 0.9, NUMBER), Accepted)
