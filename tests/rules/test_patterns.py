"""Regular expressions over foreign text: each takes linear time on the texts that are hard for it.

Twenty thousand characters take a linear pattern a few milliseconds, a quadratic one a fifth of a
second or more.
"""

import re
import time
from collections.abc import Mapping
from typing import Final

import pytest

from tests.rules.patterns import UsedPattern, hard_texts, used_patterns

_CHARACTERS: Final = 20_000
_CPU_S: Final = 0.15

BOUNDED: Final[Mapping[str, int]] = {
    "workers.providers.errors.retry_after._WHOLE_DURATION": 64,
    "workers.providers.errors.retry_after._PART": 2_000,
    "workers.checks.pattern_size._TOKEN": 2_000,
    "cache.identity.question_features._QUOTED": 4_001,
}
"""Characters of the longest text that reaches a pattern, where its caller cuts it."""


def slowest(used: UsedPattern, characters: int) -> tuple[float, str]:
    """CPU seconds and the beginning of the text that took them."""
    worst = (0.0, "")
    for text in hard_texts(used.pattern, characters):
        seconds = _cpu_s(used, text)
        if seconds > _CPU_S:
            # a neighbour's time may have been booked to it; a slow pattern is slow each time
            seconds = min(seconds, *(_cpu_s(used, text) for _ in range(2)))
        worst = max(worst, (seconds, text[:20]))
        if worst[0] > _CPU_S:
            break
    return worst


def _cpu_s(used: UsedPattern, text: str) -> float:
    begun = time.process_time()
    used.run(text)
    return time.process_time() - begun


@pytest.mark.parametrize("used", used_patterns(), ids=lambda used: used.name)
def test_a_pattern_takes_linear_time(used: UsedPattern) -> None:
    seconds, text = slowest(used, BOUNDED.get(used.name, _CHARACTERS))
    assert seconds < _CPU_S, (used.pattern.pattern, text)


@pytest.mark.parametrize("pattern", [r"\{.*\}", r"://[^\s:]*:[^\s@]*@"])
def test_the_rule_sees_a_quadratic_one(pattern: str) -> None:
    used = UsedPattern("guilty", re.compile(pattern), frozenset({"search"}))
    # of twice the text, four times the time: it stands out on a fast machine, too
    assert slowest(used, 2 * _CHARACTERS)[0] > _CPU_S


def test_the_bounded_ones_are_there() -> None:
    assert BOUNDED.keys() <= {used.name for used in used_patterns()}
