"""Decaying counts of prefixes."""

import math

import pytest

from workers.calling.prefix_counts import LocalCounts
from workers.prompt_cache.policy import PrefixUses


def test_a_request_does_not_count_for_itself() -> None:
    counts = LocalCounts()
    assert counts.count_uses_at(["p"], ["p"], 0) == {"p": PrefixUses()}
    assert counts.count_uses_at(["p"], ["p"], 0) == {"p": PrefixUses(1, 1)}


def test_counts_decay_over_their_window() -> None:
    counts = LocalCounts()
    counts.count_uses_at([], ["p"], 0)
    uses = counts.count_uses_at(["p"], [], 300)["p"]
    assert uses.last_5m == pytest.approx(math.exp(-1))
    assert uses.last_1h == pytest.approx(math.exp(-1 / 12))


def test_a_steady_rate_is_found_again() -> None:
    counts = LocalCounts()
    for second in range(3000):
        counts.count_uses_at([], ["p"], second)
    assert counts.count_uses_at(["p"], [], 3000)["p"].last_5m == pytest.approx(300, rel=0.01)


def test_the_longest_unseen_are_forgotten() -> None:
    counts = LocalCounts()
    for n in range(20_001):
        counts.count_uses_at([], [str(n)], 0)
    assert counts.count_uses_at(["0", "20000"], [], 0) == {
        "0": PrefixUses(),
        "20000": PrefixUses(1, 1),
    }
