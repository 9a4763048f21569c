"""A day of one pool under a scaling rule: how long records wait, and what the pods cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from bench.scaling.autoscaler import SYNC_S, Autoscaler, Rules

DAY_S: Final = 86_400
LATE_S: Final = 30
_NOTHING: Final = 1e-9
_CURVE: Final = (
    (0, 0.12), (5, 0.08), (7, 0.20), (9, 0.80), (11, 1.0), (12.5, 0.75), (14, 0.95), (16, 0.90),
    (18, 0.50), (20, 0.35), (22, 0.20), (24, 0.12),
)  # fmt: skip
"""(hour, share of the peak): a working day."""
_BURST: Final = (10.0, 10 + 1 / 6, 2.0)
"""From hour, to hour, times as much: a nightly job that somebody starts by day."""


_SLOW: Final = (15.0, 15.5)
"""From hour, to hour: when providers are slow, if they are at all."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One worker process. Rates are requests a second."""

    rate: float
    """What it clears: by the calls it has under way, or by its CPU."""
    uncommitted_s: float
    """From a record's begin to its commit: commits are contiguous, so the slowest call counts."""
    start_s: int
    """From the decision to the first poll."""
    usd_hour: float


@dataclass(frozen=True, slots=True)
class Group:
    """The consumer group. rebalance_s: for which a change of its members stops all of them."""

    rebalance_s: int


@dataclass(frozen=True, slots=True)
class DayResult:
    """What came of it."""

    worst_wait_s: float
    late_share: float
    """Of the requests, those that waited longer than LATE_S."""
    highest_lag: int
    pod_hours: float
    usd: float
    most_pods: int
    rebalances: int


def arrivals(peak: float) -> Iterator[float]:
    """Requests of each second of the day; peak: a second, without the burst."""
    for (begin, low), (end, high) in pairwise(_CURVE):
        for second in range(int(begin * 3600), int(end * 3600)):
            along = (second - begin * 3600) / ((end - begin) * 3600)
            hour = second / 3600
            times = _BURST[2] if _BURST[0] <= hour < _BURST[1] else 1.0
            yield peak * (low + (high - low) * along) * times


@dataclass(slots=True)
class _Queue:
    """What waits, in the order in which it came."""

    incoming: list[float]
    waiting: float = 0.0
    late: float = 0.0
    worst_s: int = 0
    oldest: int = 0
    """The second in which the oldest one came."""
    _left: float = 0.0
    """Of what came in that second."""

    def __post_init__(self) -> None:
        self._left = self.incoming[0]

    def clear(self, second: int, most: float) -> float:
        """Takes as many as there are, up to `most`."""
        cleared = left = min(self.waiting, most)
        while left > _NOTHING and self.oldest <= second:
            taken = min(left, self._left)
            left, self._left = left - taken, self._left - taken
            wait_s = second - self.oldest
            self.worst_s = max(self.worst_s, wait_s)
            self.late += taken if wait_s > LATE_S else 0.0
            if self._left <= _NOTHING:
                self.oldest += 1
                self._left = self.incoming[self.oldest] if self.oldest < DAY_S else 0.0
        self.waiting -= cleared
        return cleared


@dataclass(slots=True)
class _Members:
    """The pods of the pool: those that are asked for, and those that work already."""

    pod: Pod
    group: Group
    asked: int
    ready: int
    rebalances: int = 0
    _starting: list[tuple[int, int]] = field(default_factory=list)
    """(second of the first poll, pods)."""
    _stopped_until: int = 0

    def working(self, second: int) -> int:
        """How many take records in this second."""
        begun = sum(count for at, count in self._starting if at <= second)
        if begun:
            self._starting = [pair for pair in self._starting if pair[0] > second]
            self.ready += begun
            self._rebalance(second)
        return self.ready if second >= self._stopped_until else 0

    def scale(self, second: int, to: int) -> None:
        """More begin after their start; of fewer, those that haven't begun go first."""
        if to > self.asked:
            self._starting.append((second + self.pod.start_s, to - self.asked))
        elif to < self.asked:
            gone = self.asked - to
            while self._starting and gone:
                at, count = self._starting.pop()
                if count > gone:
                    self._starting.append((at, count - gone))
                gone = max(0, gone - count)
            self.ready -= gone
            self._rebalance(second)
        self.asked = to

    def _rebalance(self, second: int) -> None:
        self.rebalances += 1
        self._stopped_until = second + self.group.rebalance_s


def simulate(
    rules: Rules, pod: Pod, group: Group, peak: float, *, slowness: float = 1.0
) -> DayResult:
    """The day as a fluid, second by second. peak: requests a second.

    slowness: how many times as long a call takes while providers are slow.
    """
    scaler, queue = Autoscaler(rules), _Queue(list(arrivals(peak)))
    members = _Members(pod, group, rules.least, rules.least)
    pod_s, lag_most, most = 0, 0.0, rules.least
    for second, came in enumerate(queue.incoming):
        queue.waiting += came
        times = slowness if _SLOW[0] <= second / 3600 < _SLOW[1] else 1.0
        cleared = queue.clear(second, members.working(second) * pod.rate / times)
        lag = queue.waiting + cleared * pod.uncommitted_s * times
        if second % SYNC_S == 0:
            oldest_s = max(0, second - queue.oldest)
            members.scale(second, scaler.decide(second, members.asked, lag, oldest_s))
        pod_s, lag_most, most = pod_s + members.asked, max(lag_most, lag), max(most, members.asked)
    hours = pod_s / 3600
    return DayResult(
        worst_wait_s=queue.worst_s,
        late_share=queue.late / sum(queue.incoming),
        highest_lag=int(lag_most),
        pod_hours=hours,
        usd=hours * pod.usd_hour,
        most_pods=most,
        rebalances=members.rebalances,
    )
