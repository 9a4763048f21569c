"""Observed speed of a deployment: decayed means of its first tokens and of its tokens per second.

A call weighs 1 when it ends and half of that five minutes later, so that a deployment which was
slow an hour ago is unknown again, and gets its chance.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

HALF_LIFE_S: Final = 300.0
_MOST_CALLS: Final = 20.0
"""A mean rests on at most so many calls: the next one moves it by a twentieth at the least."""
_WHOLE_SHARE: Final = 0.98
"""A first token later than this share of the time came with the whole answer."""
_AT_LEAST_S: Final = 1e-4


@dataclass(frozen=True, slots=True)
class ObservedSpeed:
    """What the calls of one deployment came to. Without calls the means say nothing."""

    calls: float = 0.0
    """By their weight."""
    first_token_s: float = 0.0
    """Mean time to the first token."""
    tokens: float = 0.0
    """Mean length of an answer."""
    generation_s: float = 0.0
    """Mean time from the first token to the last."""
    at: float = 0.0
    """When this was last reckoned: seconds of the observer's clock."""
    age_s: float = 0.0
    """Of the latest call, at that time."""

    @property
    def tokens_per_s(self) -> float | None:
        """None: no answer had tokens."""
        # a quotient too small for a float is none
        return (self.tokens / self.generation_s or None) if self.generation_s else None


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """One call: seconds from its begin to the first token and to the end, and the tokens."""

    first_token_s: float
    total_s: float
    tokens: int


def faded(speed: ObservedSpeed, now: float) -> ObservedSpeed:
    """The same means with the weight that they have at `now`."""
    passed_s = max(0.0, now - speed.at)
    return replace(speed, calls=_weight(speed, now), at=now, age_s=speed.age_s + passed_s)


def speed_after(speed: ObservedSpeed, sample: SpeedSample, now: float) -> ObservedSpeed:
    """The means after one more answer.

    Of an answer that came whole only the sum is known: it is divided as the answers before it were,
    or, for the first one, evenly.
    """
    before = min(_weight(speed, now), _MOST_CALLS - 1)
    first_s, generation_s = _divided(speed, sample)
    share = 1 / (before + 1)
    return ObservedSpeed(
        calls=before + 1,
        first_token_s=_moved(speed.first_token_s, first_s, share),
        tokens=_moved(speed.tokens, sample.tokens, share),
        generation_s=_moved(speed.generation_s, generation_s, share),
        at=now,
    )


def speed_after_silence(speed: ObservedSpeed, waited_s: float, now: float) -> ObservedSpeed:
    """The means after a call that was given up without a first token.

    Nobody knows how much longer it would have taken; as long again is assumed.
    """
    sample_s = max(2 * waited_s, speed.first_token_s)
    before = min(_weight(speed, now), _MOST_CALLS - 1)
    first_s = _moved(speed.first_token_s, sample_s, 1 / (before + 1))
    return replace(speed, calls=before + 1, first_token_s=first_s, at=now, age_s=0.0)


def merged(speeds: Iterable[ObservedSpeed]) -> ObservedSpeed:
    """What several observers saw of one deployment, each by its weight; `at` is 0."""
    seen = [speed for speed in speeds if speed.calls > 0]
    calls = sum(speed.calls for speed in seen)
    if not calls:
        return ObservedSpeed()
    return ObservedSpeed(
        calls=calls,
        first_token_s=sum(speed.calls * speed.first_token_s for speed in seen) / calls,
        tokens=sum(speed.calls * speed.tokens for speed in seen) / calls,
        generation_s=sum(speed.calls * speed.generation_s for speed in seen) / calls,
        age_s=min(speed.age_s for speed in seen),
    )


def _weight(speed: ObservedSpeed, now: float) -> float:
    return speed.calls * math.exp2(-max(0.0, now - speed.at) / HALF_LIFE_S)


def _divided(speed: ObservedSpeed, sample: SpeedSample) -> tuple[float, float]:
    """Seconds to the first token and after it."""
    total_s = max(sample.total_s, sample.first_token_s, _AT_LEAST_S)
    if not sample.tokens:
        return total_s, 0.0
    if sample.first_token_s < _WHOLE_SHARE * total_s:
        return sample.first_token_s, total_s - sample.first_token_s
    usual_s = speed.tokens and speed.generation_s / speed.tokens * sample.tokens
    if not usual_s:
        return total_s / 2, total_s / 2
    first_s = total_s * speed.first_token_s / (speed.first_token_s + usual_s)
    return first_s, total_s - first_s


def _moved(mean: float, value: float, share: float) -> float:
    return mean + share * (value - mean)
