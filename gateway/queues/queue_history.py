"""Queue history: a tier's queue as it was looked at, and what follows for a request in it.

Offsets are sums over the partitions of all of the tier's queues. Times are Unix seconds. What is
committed is what has been finished without a gap, so requests under way count as waiting.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

_KEPT_S: Final = 600.0
_RATE_S: Final = 60.0
"""The rate is that of the last minute."""
_FRESH_S: Final = 10.0
"""A reply says for so long how long requests wait."""
_MOST_REPLIES: Final = 50


@dataclass(frozen=True, slots=True)
class QueueSample:
    """One look."""

    at_s: float
    written: int
    committed: int
    members: int
    """Consumers that are there to take requests."""


@dataclass(frozen=True, slots=True)
class QueueEstimate:
    """What waits before a request."""

    position: int
    """Requests before it, at most: those under way count."""

    seconds: float | None
    """Until it is its turn; None: nothing has been finished lately."""


class QueueHistory:
    """The last minutes of one tier's queue."""

    def __init__(self) -> None:
        self._samples: deque[QueueSample] = deque()
        self._waits: deque[tuple[float, float]] = deque(maxlen=_MOST_REPLIES)

    def add(self, sample: QueueSample) -> None:
        """One more look."""
        last = self._samples[-1] if self._samples else None
        if last is not None and sample.written < last.written:
            self._samples.clear()  # a topic was made anew, or a queue has gone
        self._samples.append(sample)
        while self._samples[0].at_s < sample.at_s - _KEPT_S:
            self._samples.popleft()

    def add_wait(self, at_s: float, waited_s: float) -> None:
        """A request has begun after so long."""
        self._waits.append((at_s, waited_s))

    def estimate(self, created_s: float) -> QueueEstimate | None:
        """For a request that was written at `created_s`; None before the first look."""
        if not self._samples:
            return None
        now = self._samples[-1]
        # the first look after it may count some that came behind it: rather too many than too few
        behind = next((s for s in self._samples if s.at_s >= created_s), now)
        position = max(0, behind.written - now.committed)
        if position == 0:
            return QueueEstimate(0, 0.0)
        rate = self._rate()
        return QueueEstimate(position, position / rate if rate > 0 else None)

    def wait_s(self, now_s: float) -> float:
        """Seconds that a request would wait now, as far as it is known for sure; else 0.

        What lately began tells it best. Without anybody to take requests it is the age of the
        oldest one. Commits alone don't tell: one slow call holds them up, and nobody else.
        """
        lately = [waited for at_s, waited in self._waits if now_s - at_s <= _FRESH_S]
        if lately:
            return median(lately)
        now = self._samples[-1] if self._samples else None
        if now is None or now.members > 0 or now.written <= now.committed:
            return 0.0
        since = next((s for s in self._samples if s.written > now.committed), now)
        return max(0.0, now_s - since.at_s)

    def _rate(self) -> float:
        """Requests a second that were finished in the last minute."""
        now = self._samples[-1]
        then = next(s for s in self._samples if now.at_s - s.at_s <= _RATE_S)
        return (now.committed - then.committed) / (now.at_s - then.at_s) if then is not now else 0.0
